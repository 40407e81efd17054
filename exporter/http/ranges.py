"""Requests for a part (RFC 9110, section 14) of what is made anew for each request, and so has no parts to ask for."""

import re
from collections.abc import Mapping

from exporter.http.problems import Problem, ProblemType

_RANGES = re.compile(r"bytes=(.*)", re.IGNORECASE)
_RANGE = re.compile(r"(\d+)-(\d*)|-(\d+)")


def refuse_part(headers: Mapping[str, str]) -> None:
    """Refuse to answer who wants to go on with a download: not all look whether the answer is a part.

    Wget would skip as many bytes of the whole answer, and join two exports. With `If-Range` a client says that the
    whole will do. Not 416: wget takes that for "complete".

    Raises:
        Problem: the first byte is not wanted, or several parts are.
    """
    if "if-range" not in headers and _leaves_out_the_beginning(headers.get("range", "")):
        raise Problem(
            ProblemType.NOT_RESUMABLE,
            "Download it again from its start: each export is a run of its own, so parts of two do not fit together.",
            headers={"accept-ranges": "none"},
        )


def _leaves_out_the_beginning(header: str) -> bool:
    """Return whether a Range wants something else than what begins at 0; one that is malformed, says nothing."""
    given = _RANGES.fullmatch(header.strip())
    specs = [spec.strip(" \t") for spec in given[1].split(",")] if given else []
    ranges = [_RANGE.fullmatch(spec) for spec in specs if spec]
    if not ranges or not all(found and _is_ascending(found) for found in ranges):
        return False
    return any(found is not None and (found[1] is None or int(found[1]) > 0) for found in ranges) or len(ranges) > 1


def _is_ascending(found: re.Match[str]) -> bool:
    first, last = found[1], found[2]
    return not last or int(first) <= int(last)
