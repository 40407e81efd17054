"""What can be wrong, as plain data. Whoever renders it stands above: `exporter.http.problems` for HTTP."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum
from uuid import UUID


class ProblemType(Enum):
    """Every type of problem: its title, and what its caller can do about it.

    The name, in kebab case, ends its URN. Clients compare URNs and developers search for titles, so both stay.
    """

    MALFORMED_HOST = (
        "The request does not name one host",
        "Send one Host header with the service's name and port.",
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
        "Ask from the service's own machine, or have its operator configure keys.",
    )
    CROSS_SITE = (
        "Cross-site requests are not allowed",
        "Start at the service's own page, or have its operator allow the page's origin.",
    )
    SIGNED_URL_REFUSED = (
        "The signed URL is not valid",
        "Ask whoever gave it to you for a new one.",
    )
    PERMISSION_DENIED = (
        "The database does not allow access to this dataset",
        "Have the database's owner grant SELECT to the role that reads it.",
    )
    CLAIM_MISSING = (
        "Your credentials do not give access to this dataset",
        "Ask whoever issued them for others.",
    )
    NOT_FOUND = (
        "There is nothing at this path",
        "`GET /datasets` lists what there is.",
    )
    UNKNOWN_DATASET = (
        "There is no such dataset",
        "`GET /datasets` lists those that you may read.",
    )
    UNKNOWN_FORMAT = (
        "There is no such format",
        "Use one of the extensions that the dataset's description lists.",
    )
    METHOD_NOT_ALLOWED = (
        "The method is not allowed here",
        "Use a method that the `Allow` header names.",
    )
    NOT_ACCEPTABLE = (
        "Not available in a form that Accept allows",
        "Accept one of the media types that the detail names.",
    )
    DUPLICATE_COLUMNS = (
        "The format requires unique column names",
        "Give each column an alias of its own in the dataset's query.",
    )
    NOT_RESUMABLE = (
        "An export cannot be resumed",
        "Download it again from the start.",
    )
    QUERY_REJECTED = (
        "The database cannot run the dataset's query",
        "Have the dataset's author correct the query; the service's log has the reason.",
    )
    UNREPRESENTABLE_VALUE = (
        "A value cannot be represented in this format",
        "Choose another format, or have the dataset declare the column's type or what to do with such values.",
    )
    REQUEST_BODY = (
        "This method takes no request body",
        "Send the request without a body.",
    )
    INVALID_PARAMETERS = (
        "Some parameters are invalid",
        "Correct those that `errors` names.",
    )
    EXPORT_TOO_LARGE = (
        "The export exceeds a limit",
        "Ask for less: narrow the parameters, or set `_limit`.",
    )
    TOO_MANY_ATTEMPTS = (
        "Too many failed authentication attempts",
        "Wait as long as `Retry-After` says.",
    )
    TOO_MANY_REQUESTS = (
        "Rate limit exceeded",
        "Wait as long as `Retry-After` says.",
    )
    TOO_MANY_OWN_EXPORTS = (
        "Your concurrent export limit is reached",
        "Let one of your exports finish, then try again.",
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
        "Credentials cannot be checked now",
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
        "Try again later; `checks` says what is wrong.",
    )
    AUDIT_LOG_UNAVAILABLE = (
        "The audit log is unavailable",
        "Tell the service's operator.",
    )
    STATEMENT_TIMEOUT = (
        "The query timed out",
        "Ask for less: narrow the parameters, or set `_limit`.",
    )
    HTTP_VERSION_NOT_SUPPORTED = (
        "HTTP/1.0 cannot carry an export",
        "Use HTTP/1.1 or later.",
    )

    @property
    def title(self) -> str:
        """What is wrong, the same for every occurrence."""
        return self.value[0]

    @property
    def remedy(self) -> str:
        """What to do about it in general; a problem's `detail` knows more."""
        return self.value[1]

    @property
    def slug(self) -> str:
        """The end of the URN, which logs and metrics show."""
        return self.name.lower().replace("_", "-")

    @property
    def urn(self) -> str:
        """The identifier that programs compare."""
        return f"urn:exporter:problem:{self.slug}"


@dataclass(frozen=True, slots=True)
class Fault:
    """One wrong parameter, or one wrong option, of a request or an order."""

    parameter: str
    detail: str
    is_option: bool = False
    """Whether it is an option of the export, which the query string names with an underscore in front."""


class Problem(Exception):
    """What a caller is told instead of what they asked for. Holds nothing that a caller must not see."""

    def __init__(
        self,
        type_: ProblemType,
        detail: str,
        *,
        faults: Sequence[Fault] = (),
        retry_after: int | None = None,
        export_id: UUID | None = None,
    ) -> None:
        """Take the detail (what to do next), the wrong parameters, and the seconds after which to try again.

        `export_id` names the occurrence, as the log does.
        """
        super().__init__(detail)
        self.type = type_
        self.detail = detail
        self.faults = faults
        self.retry_after = retry_after
        self.export_id = export_id
