"""Problem documents (RFC 9457): problems as HTTP responses."""

from collections.abc import Mapping, Sequence
from typing import Any

import orjson
from velithon.responses import Response

from exporter.problems import Problem, ProblemType

MEDIA_TYPE = "application/problem+json"

STATUS: Mapping[ProblemType, int] = {
    ProblemType.MALFORMED_HOST: 400,
    ProblemType.MALFORMED_QUERY_STRING: 400,
    ProblemType.UNAUTHENTICATED: 401,
    ProblemType.LOOPBACK_ONLY: 403,
    ProblemType.CROSS_SITE: 403,
    ProblemType.SIGNED_URL_REFUSED: 403,
    ProblemType.PERMISSION_DENIED: 403,
    ProblemType.CLAIM_MISSING: 403,
    ProblemType.NOT_FOUND: 404,
    ProblemType.UNKNOWN_DATASET: 404,
    ProblemType.UNKNOWN_FORMAT: 404,
    ProblemType.METHOD_NOT_ALLOWED: 405,
    ProblemType.NOT_ACCEPTABLE: 406,
    ProblemType.DUPLICATE_COLUMNS: 409,
    ProblemType.NOT_RESUMABLE: 409,
    ProblemType.QUERY_REJECTED: 409,
    ProblemType.UNREPRESENTABLE_VALUE: 409,
    ProblemType.REQUEST_BODY: 413,
    ProblemType.INVALID_PARAMETERS: 422,
    ProblemType.EXPORT_TOO_LARGE: 422,
    ProblemType.TOO_MANY_ATTEMPTS: 429,
    ProblemType.TOO_MANY_REQUESTS: 429,
    ProblemType.TOO_MANY_OWN_EXPORTS: 429,
    ProblemType.HEADERS_TOO_LONG: 431,
    ProblemType.INTERNAL_ERROR: 500,
    ProblemType.CREDENTIALS_UNAVAILABLE: 503,
    ProblemType.TOO_MANY_EXPORTS: 503,
    ProblemType.POOL_BUSY: 503,
    ProblemType.LOCKED: 503,
    ProblemType.DATABASE_UNAVAILABLE: 503,
    ProblemType.NOT_READY: 503,
    ProblemType.AUDIT_LOG_UNAVAILABLE: 503,
    ProblemType.STATEMENT_TIMEOUT: 504,
    ProblemType.HTTP_VERSION_NOT_SUPPORTED: 505,
}

_MOST_FAULTS = 20
"""The most faults in a document; a request may have thousands."""
_LONGEST_DETAIL = 2000
"""Characters; the detail may name a thousand columns."""
_LONGEST_FAULT = 1000
_LONGEST_NAME = 100


class HttpProblem(Problem):
    """A problem whose response has additional headers or members."""

    def __init__(
        self,
        type_: ProblemType,
        detail: str,
        *,
        headers: Sequence[tuple[str, str]] = (),
        members: Mapping[str, object] | None = None,
        retry_after: int | None = None,
    ) -> None:
        """Take the headers, whose names may repeat, and the extension members (RFC 9457, section 3.2)."""
        super().__init__(type_, detail, retry_after=retry_after)
        self.headers = headers
        self.members = members or {}


def document(problem: Problem) -> dict[str, Any]:
    """Return a problem as JSON members, with a bounded size whatever the caller sent."""
    members: dict[str, Any] = {
        "type": problem.type.urn,
        "title": problem.type.title,
        "status": STATUS[problem.type],
        "detail": _shortened(problem.detail, _LONGEST_DETAIL),
    }
    if problem.export_id is not None:
        members["instance"] = problem.export_id.urn
    if problem.faults:
        members["errors"] = [
            {
                "parameter": _shortened(f"_{fault.parameter}" if fault.is_option else fault.parameter, _LONGEST_NAME),
                "detail": _shortened(fault.detail, _LONGEST_FAULT),
            }
            for fault in problem.faults[:_MOST_FAULTS]
        ]
    if more := len(problem.faults[_MOST_FAULTS:]):
        members["more_errors"] = more
    return members | dict(problem.members) if isinstance(problem, HttpProblem) else members


def response(problem: Problem) -> Response:
    """Return a problem as an HTTP response."""
    answer = Response(
        orjson.dumps(document(problem)),
        status_code=STATUS[problem.type],
        headers={"cache-control": "no-store"},
        media_type=MEDIA_TYPE,
    )
    if problem.export_id is not None:
        answer.raw_headers.append(("export-id", str(problem.export_id)))
    if problem.retry_after is not None:
        answer.raw_headers.append(("retry-after", str(problem.retry_after)))
    if isinstance(problem, HttpProblem):
        answer.raw_headers.extend(problem.headers)
    return answer


def _shortened(text: str, most: int) -> str:
    return text if len(text) <= most else text[: most - 1] + "…"
