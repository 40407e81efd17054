"""Range requests (RFC 9110, section 14), which exports cannot support because each request runs the query anew."""

from collections.abc import Mapping

from exporter.http.problems import HttpProblem
from exporter.problems import ProblemType


def refuse_part(headers: Mapping[str, str]) -> None:
    """Refuse a request to resume a download, because some clients do not check whether the response is partial.

    wget would skip that many bytes of the complete response, and so join two exports. With `If-Range` a client also
    accepts the complete response. The status is not 416, which wget takes for "complete". An invalid range is refused
    too (section 14.2).

    Raises:
        Problem: the request asks for anything but one range that begins at the first byte.
    """
    unit, _, ranges = headers.get("range", "").partition("=")
    if unit.strip().lower() == "bytes" and "if-range" not in headers and not _is_from_the_start(ranges):
        raise HttpProblem(
            ProblemType.NOT_RESUMABLE,
            "Download it again from the start. Each export runs the query anew, so parts of two do not fit together.",
            headers=[("accept-ranges", "none")],
        )


def _is_from_the_start(ranges: str) -> bool:
    """Return whether this is a single range that begins at byte 0."""
    first, _, last = ranges.partition("-")
    zeros, digits = first.lstrip(), last.rstrip()
    return "-" in ranges and zeros.strip("0") == "" != zeros and (digits == "" or digits.isdecimal())
