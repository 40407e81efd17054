"""Content negotiation (RFC 9110, section 12.5)."""

from collections.abc import Iterable, Sequence

VARY = "Accept, Accept-Encoding, Authorization"
"""The request headers that an answer may depend on."""


def _qualities(header: str) -> list[tuple[str, float]]:
    """Return the members of an Accept or Accept-Encoding header with their weights; a broken weight counts as 0."""
    members = []
    for member in header.lower().split(","):
        name, *parameters = (part.strip() for part in member.split(";"))
        quality = 1.0
        for parameter in parameters:
            if parameter.startswith("q="):
                try:
                    quality = min(max(float(parameter[2:]), 0.0), 1.0)
                except ValueError:
                    quality = 0.0
        if name:
            members.append((name, quality))
    return members


def _media_quality(media_type: str, accepted: Sequence[tuple[str, float]]) -> float:
    """Return the weight of the most specific range that holds the media type."""
    main = media_type.partition("/")[0]
    for pattern in (media_type, f"{main}/*", "*/*"):
        matches = [quality for name, quality in accepted if name == pattern]
        if matches:
            return max(matches)
    return 0.0


def media_type(accept: str | None, offered: Iterable[str]) -> str | None:
    """Return the offered media type that Accept weighs highest, the first of equals; None when it allows none.

    Parameters of a media range (`charset`, `header`) are not compared.
    """
    candidates = list(offered)
    if not accept or not accept.strip():
        return candidates[0]
    accepted = _qualities(accept)
    best = max(candidates, key=lambda candidate: _media_quality(candidate, accepted))
    return best if _media_quality(best, accepted) > 0 else None


def content_coding(accept_encoding: str | None, offered: Iterable[str]) -> str | None:
    """Return the offered coding that the caller names with the highest weight above 0; None means identity.

    A wildcard does not count: who says only `*` has not said that they can decode.
    """
    accepted = dict(_qualities(accept_encoding or ""))
    named = [coding for coding in offered if accepted.get(coding, 0.0) > 0]
    best = max(named, key=lambda coding: accepted[coding], default=None)
    return best if best and accepted[best] >= accepted.get("identity", 0.0) else None
