"""Requests for a part (RFC 9110, section 14) of what is made anew for each request, and so has no parts to ask for."""

from collections.abc import Mapping

from exporter.http.problems import HttpProblem
from exporter.problems import ProblemType


def refuse_part(headers: Mapping[str, str]) -> None:
    """Refuse to answer who wants to go on with a download: not all look whether the answer is a part.

    Wget would skip as many bytes of the whole answer, and join two exports. With `If-Range` a client says that the
    whole will do. Not 416: wget takes that for "complete". What cannot be read is refused too (section 14.2).

    Raises:
        Problem: something else is asked for than one range that begins at the first byte.
    """
    unit, _, ranges = headers.get("range", "").partition("=")
    if unit.strip().lower() == "bytes" and "if-range" not in headers and not _is_from_the_start(ranges):
        raise HttpProblem(
            ProblemType.NOT_RESUMABLE,
            "Download it again from the start. Each export runs the query anew, so parts of two do not fit together.",
            headers=[("accept-ranges", "none")],
        )


def _is_from_the_start(ranges: str) -> bool:
    """Return whether this is one range whose first byte is the first of all."""
    first, _, last = ranges.partition("-")
    zeros, digits = first.lstrip(), last.rstrip()
    return "-" in ranges and zeros.strip("0") == "" != zeros and (digits == "" or digits.isdecimal())
