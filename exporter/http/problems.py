"""Problem documents (RFC 9457): what a caller is told instead of an export."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING
from uuid import UUID

import orjson

if TYPE_CHECKING:
    from velithon.responses import Response

MEDIA_TYPE = "application/problem+json"

_MOST_FAULTS = 20
"""Listed in a document; a request may have thousands."""
_LONGEST_DETAIL = 2000
"""Characters; of a dataset with a thousand columns the detail names them all."""
_LONGEST_FAULT = 1000
_LONGEST_NAME = 100


class ProblemType(Enum):
    """Every type of problem: its status and its title. The name, in kebab case, ends its URI."""

    MALFORMED_HOST = (400, "The request does not name one host")
    MALFORMED_QUERY_STRING = (400, "The query string cannot be decoded")
    UNAUTHENTICATED = (401, "The service does not know who asks")
    LOOPBACK_ONLY = (403, "The service answers nobody but its own machine")
    CROSS_SITE = (403, "A page of another origin may not ask for this")
    SIGNED_URL_REFUSED = (403, "The signed URL is not valid")
    PERMISSION_DENIED = (403, "The database does not let the service read this dataset")
    NOT_FOUND = (404, "There is nothing at this path")
    UNKNOWN_DATASET = (404, "There is no such dataset")
    UNKNOWN_FORMAT = (404, "There is no such format")
    METHOD_NOT_ALLOWED = (405, "The method is not allowed here")
    NOT_ACCEPTABLE = (406, "It is not offered in a form that Accept allows")
    DUPLICATE_COLUMNS = (409, "The format needs column names that differ")
    NOT_RESUMABLE = (409, "An export cannot be resumed")
    QUERY_REJECTED = (409, "The database cannot run the dataset's query")
    UNREPRESENTABLE_VALUE = (409, "A value does not fit the format's type")
    REQUEST_BODY = (413, "A request of this method has no body here")
    INVALID_PARAMETERS = (422, "Some parameters are wrong")
    EXPORT_TOO_LARGE = (422, "The export is larger than it may be")
    TOO_MANY_ATTEMPTS = (429, "Too many wrong credentials were sent")
    TOO_MANY_REQUESTS = (429, "You ask more often than you may")
    TOO_MANY_OWN_EXPORTS = (429, "You run as many exports as you may")
    HEADERS_TOO_LONG = (431, "The headers are too long")
    INTERNAL_ERROR = (500, "The service failed")
    CREDENTIALS_UNAVAILABLE = (503, "Credentials cannot be checked now")
    TOO_MANY_EXPORTS = (503, "As many exports are running as may")
    POOL_BUSY = (503, "All database connections are in use")
    LOCKED = (503, "Something that the dataset reads is locked")
    DATABASE_UNAVAILABLE = (503, "The database is not available now")
    NOT_READY = (503, "An export could not start now")
    AUDIT_LOG_UNAVAILABLE = (503, "What is accessed cannot be written down")
    STATEMENT_TIMEOUT = (504, "The query took too long")
    HTTP_VERSION_NOT_SUPPORTED = (505, "HTTP/1.0 cannot carry an export")

    @property
    def status(self) -> int:
        """The HTTP status."""
        return self.value[0]

    @property
    def title(self) -> str:
        """What is wrong, the same for every occurrence."""
        return self.value[1]

    @property
    def slug(self) -> str:
        """The end of the identifier, which logs and metrics show."""
        return self.name.lower().replace("_", "-")

    @property
    def uri(self) -> str:
        """The identifier that programs compare."""
        return f"urn:exporter:problem:{self.slug}"


def shortened(text: str, most: int) -> str:
    """Return a text of at most so many characters; one that was longer ends in an ellipsis."""
    return text if len(text) <= most else text[: most - 1] + "…"


@dataclass(frozen=True, slots=True)
class Fault:
    """One wrong parameter of a request."""

    parameter: str
    detail: str


class Problem(Exception):
    """An answer to the caller instead of the one asked for. Holds nothing that a caller must not see."""

    def __init__(
        self,
        problem: ProblemType,
        detail: str,
        *,
        faults: Sequence[Fault] = (),
        headers: Mapping[str, str] | None = None,
        export_id: UUID | None = None,
    ) -> None:
        """Take the detail (what to do next), the faults of a request's parameters, headers such as Retry-After.

        `export_id` names the occurrence, as the log does.
        """
        super().__init__(detail)
        self.type = problem
        self.detail = detail
        self.faults = faults
        self.headers = dict(headers or {})
        self.export_id = export_id

    def document(self) -> dict[str, object]:
        """Return the problem as JSON members, of bounded size whatever the caller has sent."""
        members: dict[str, object] = {
            "type": self.type.uri,
            "title": self.type.title,
            "status": self.type.status,
            "detail": shortened(self.detail, _LONGEST_DETAIL),
        }
        if self.export_id is not None:
            members["instance"] = self.export_id.urn
        if self.faults:
            members["errors"] = [
                {
                    "parameter": shortened(fault.parameter, _LONGEST_NAME),
                    "detail": shortened(fault.detail, _LONGEST_FAULT),
                }
                for fault in self.faults[:_MOST_FAULTS]
            ]
        if more := len(self.faults[_MOST_FAULTS:]):
            members["more_errors"] = more
        return members

    def response(self) -> "Response":
        """Return the problem as an HTTP response."""
        from velithon.responses import Response  # noqa: PLC0415 - the commands, which answer nobody, do without the framework

        named = {"export-id": str(self.export_id)} if self.export_id else {}
        return Response(
            orjson.dumps(self.document()),
            status_code=self.type.status,
            headers=self.headers | named | {"cache-control": "no-store"},
            media_type=MEDIA_TYPE,
        )
