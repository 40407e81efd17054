"""Problems as plain data; `exporter.http.problems` renders them for HTTP."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum
from uuid import UUID

SHORTLY = 5
"""Seconds after which to try again what may soon be possible."""


class ProblemType(Enum):
    """Every type of problem: its title, and what the caller can do about it.

    The name in kebab case is the end of its URN. Clients compare URNs and developers search for titles: keep both.
    """

    MALFORMED_HOST = (
        "The Host header is missing or invalid",
        "Send exactly one Host header, with the service's name and port.",
    )
    MALFORMED_QUERY_STRING = (
        "The query string cannot be decoded",
        "Encode it as UTF-8, then percent-encode it.",
    )
    UNAUTHENTICATED = (
        "Authentication required",
        "Send a token: as `Authorization: Bearer TOKEN`, or as the password of HTTP Basic.",
    )
    LOOPBACK_ONLY = (
        "Only local requests are accepted",
        "Send the request from the service's own machine, or ask its operator to configure API keys.",
    )
    CROSS_SITE = (
        "Cross-site requests are not allowed",
        "Start at the service's own page, or ask its operator to allow the page's origin.",
    )
    SIGNED_URL_REFUSED = (
        "The signed URL is not valid",
        "Ask the sender of the URL for a new one.",
    )
    PERMISSION_DENIED = (
        "The database does not allow access to this dataset",
        "Ask the database's owner to grant SELECT to the role that reads it.",
    )
    CLAIM_MISSING = (
        "Your credentials do not give access to this dataset",
        "Ask whoever issued them for others.",
    )
    NOT_FOUND = (
        "Path not found",
        "`GET /datasets` lists the available datasets.",
    )
    UNKNOWN_DATASET = (
        "Dataset not found",
        "`GET /datasets` lists the datasets that you may read.",
    )
    UNKNOWN_FORMAT = (
        "Unknown format",
        "Use one of the extensions listed in the dataset's description.",
    )
    METHOD_NOT_ALLOWED = (
        "Method not allowed",
        "Use one of the methods in the `Allow` header.",
    )
    NOT_ACCEPTABLE = (
        "No acceptable media type is available",
        "Accept one of the media types listed in the detail.",
    )
    DUPLICATE_COLUMNS = (
        "The format requires unique column names",
        "Give each column its own alias in the dataset's query.",
    )
    NOT_RESUMABLE = (
        "Exports cannot be resumed",
        "Download it again from the start.",
    )
    QUERY_REJECTED = (
        "The database rejected the dataset's query",
        "Ask the dataset's author to correct the query; the service's log has the reason.",
    )
    UNREPRESENTABLE_VALUE = (
        "A value cannot be represented in this format",
        "Choose another format, or ask the dataset's author to declare the column's type or a rule for such values.",
    )
    REQUEST_BODY = (
        "This method takes no request body",
        "Send the request without a body.",
    )
    INVALID_PARAMETERS = (
        "Some parameters are invalid",
        "Correct the parameters listed in `errors`.",
    )
    EXPORT_TOO_LARGE = (
        "The export exceeds a limit",
        "Request less data: narrow the parameters, or set `_limit`.",
    )
    TOO_MANY_ATTEMPTS = (
        "Too many failed authentication attempts",
        "Wait for the time in `Retry-After`, then try again.",
    )
    TOO_MANY_REQUESTS = (
        "Rate limit exceeded",
        "Wait for the time in `Retry-After`, then try again.",
    )
    TOO_MANY_OWN_EXPORTS = (
        "Your concurrent export limit is reached",
        "Wait for one of your exports to finish, then try again.",
    )
    HEADERS_TOO_LONG = (
        "The request headers are too long",
        "Send fewer or shorter headers.",
    )
    INTERNAL_ERROR = (
        "Internal error",
        "The service's log has the reason.",
    )
    CREDENTIALS_UNAVAILABLE = (
        "Credentials cannot be checked at the moment",
        "Try again later.",
    )
    TOO_MANY_EXPORTS = (
        "The service is at its export limit",
        "Try again later.",
    )
    POOL_BUSY = (
        "All database connections are in use",
        "Try again later.",
    )
    LOCKED = (
        "A table that the dataset reads is locked",
        "Try again later.",
    )
    DATABASE_UNAVAILABLE = (
        "The database is unavailable",
        "Try again later.",
    )
    NOT_READY = (
        "The service is not ready",
        "Try again later; `checks` lists what is wrong.",
    )
    AUDIT_LOG_UNAVAILABLE = (
        "The audit log is unavailable",
        "Tell the service's operator.",
    )
    STATEMENT_TIMEOUT = (
        "The query timed out",
        "Request less data: narrow the parameters, or set `_limit`.",
    )
    HTTP_VERSION_NOT_SUPPORTED = (
        "Exports require HTTP/1.1 or later",
        "Use HTTP/1.1 or later.",
    )

    @property
    def title(self) -> str:
        """What is wrong, in the same words for every occurrence."""
        return self.value[0]

    @property
    def remedy(self) -> str:
        """What to do about it in general; a problem's `detail` is more specific."""
        return self.value[1]

    @property
    def slug(self) -> str:
        """The end of the URN, as used in logs and metrics."""
        return self.name.lower().replace("_", "-")

    @property
    def urn(self) -> str:
        """The identifier that programs compare."""
        return f"urn:exporter:problem:{self.slug}"


@dataclass(frozen=True, slots=True)
class Fault:
    """One invalid parameter or option of a request or an order."""

    parameter: str
    detail: str
    is_option: bool = False
    """Whether it is an option of the export; in a query string, options begin with an underscore."""


class Problem(Exception):
    """The error that a caller gets. Contains nothing that a caller must not see."""

    def __init__(
        self,
        type_: ProblemType,
        detail: str,
        *,
        faults: Sequence[Fault] = (),
        retry_after: int | None = None,
        export_id: UUID | None = None,
    ) -> None:
        """Take the detail (what to do next), the invalid parameters, and the seconds after which to try again.

        `export_id` identifies the occurrence, as in the log.
        """
        super().__init__(detail)
        self.type = type_
        self.detail = detail
        self.faults = faults
        self.retry_after = retry_after
        self.export_id = export_id
