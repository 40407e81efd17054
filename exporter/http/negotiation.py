"""Content negotiation (RFC 9110, section 12.5)."""

from collections.abc import Container, Iterable, Mapping, Sequence
from typing import TypeVar

from exporter.http.problems import HttpProblem
from exporter.problems import Problem, ProblemType

Coding = TypeVar("Coding", bound=str)

VARY = "Accept, Accept-Encoding, Authorization"
"""The request headers that a response may depend on."""

_LONGEST = 8_192
"""Characters of a header: fifty times what browsers send, parsed in a millisecond."""


def media_type(accept: str | None, offered: Iterable[str]) -> str | None:
    """Return the offered media type that Accept weighs highest, the first if equal; None if it allows none.

    Parameters of a media range (`charset`, `header`) are ignored.

    Raises:
        Problem: the header is too long.
    """
    ranges = {candidate: (candidate, f"{candidate.partition('/')[0]}/*", "*/*") for candidate in offered}
    if not accept or not accept.strip():
        return next(iter(ranges))
    accepted = _weights("Accept", accept, {range_ for alike in ranges.values() for range_ in alike})
    best = max(ranges, key=lambda candidate: _of_most_specific(ranges[candidate], accepted))
    return best if _of_most_specific(ranges[best], accepted) > 0 else None


def acceptable(accept: str | None, offered: Sequence[str]) -> str:
    """Return the offered media type that Accept weighs highest, the first if equal.

    Raises:
        Problem: it allows none of them, or is too long.
    """
    chosen = media_type(accept, offered)
    if chosen is None:
        detail = f"Available media types: {', '.join(offered)}. Accept one of them, or */*."
        raise HttpProblem(ProblemType.NOT_ACCEPTABLE, detail, headers=[("vary", VARY)])
    return chosen


def content_coding(accept_encoding: str | None, offered: Iterable[Coding]) -> Coding | None:
    """Return the offered coding that the caller names with the highest weight above 0; None means identity.

    A wildcard does not count: `*` alone does not mean that the client can decode the coding.

    Raises:
        Problem: the header is too long.
    """
    codings = tuple(offered)
    accepted = _weights("Accept-Encoding", accept_encoding or "", (*codings, "identity"))
    named = [coding for coding in codings if accepted.get(coding, 0.0) > 0]
    best = max(named, key=lambda coding: accepted[coding], default=None)
    return best if best and accepted[best] >= accepted.get("identity", 0.0) else None


def _weights(name: str, header: str, wanted: Container[str]) -> dict[str, float]:
    """Return the highest weight of each wanted member in a header; an invalid weight counts as 0."""
    if len(header) > _LONGEST:
        detail = f"{name} may have at most {_LONGEST:,} characters. List only what you can accept."
        raise Problem(ProblemType.HEADERS_TOO_LONG, detail)
    weights: dict[str, float] = {}
    for member in header.lower().split(","):
        named, _, parameters = member.partition(";")
        if (named := named.strip()) in wanted:
            weights[named] = max(weights.get(named, 0.0), _quality(parameters))
    return weights


def _quality(parameters: str) -> float:
    quality = 1.0
    for parameter in map(str.strip, parameters.split(";")):
        if parameter.startswith("q="):
            try:
                quality = min(max(float(parameter[2:]), 0.0), 1.0)
            except ValueError:
                quality = 0.0
    return quality


def _of_most_specific(alike: Iterable[str], accepted: Mapping[str, float]) -> float:
    """Return the weight of the first accepted range; the most specific range comes first."""
    return next((accepted[range_] for range_ in alike if range_ in accepted), 0.0)
