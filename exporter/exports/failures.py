"""The problem for each failure inside the engine."""

from exporter.exports.bounds import Exceeded
from exporter.problems import SHORTLY, Fault, Problem, ProblemType
from queries.errors import (
    ArgumentRejected,
    DatabaseUnavailable,
    InvalidText,
    LockTimeout,
    PermissionDenied,
    PoolBusy,
    PoolUnusable,
    QueryError,
    RoleRefused,
    RowsLost,
    SettingsChanged,
    StatementTimeout,
    UnsentText,
)
from queries.unrepresentable import Unrepresentable

_PROBLEMS: dict[type[QueryError], tuple[ProblemType, str, int | None]] = {
    PoolBusy: (ProblemType.POOL_BUSY, "Every connection is busy with other exports. Try again shortly.", SHORTLY),
    DatabaseUnavailable: (ProblemType.DATABASE_UNAVAILABLE, "Try again shortly.", SHORTLY),
    PoolUnusable: (ProblemType.INTERNAL_ERROR, "The service's log has the reason under this instance.", None),
    RoleRefused: (ProblemType.PERMISSION_DENIED, "The service may not act as your role. Tell its operator.", None),
    LockTimeout: (
        ProblemType.LOCKED,
        "Another session holds a lock on what the dataset reads. Try again shortly.",
        SHORTLY,
    ),
    PermissionDenied: (
        ProblemType.PERMISSION_DENIED,
        "Ask the database's owner to grant SELECT to the role that reads the dataset.",
        None,
    ),
    RowsLost: (
        ProblemType.INTERNAL_ERROR,
        "Rows were lost between the database and the service. Try again; the service's log has the reason.",
        None,
    ),
    StatementTimeout: (ProblemType.STATEMENT_TIMEOUT, "Request less data: narrow the parameters or set a limit.", None),
}

_INSTEAD = "Set them only inside a function (CREATE FUNCTION … SET), or use AT TIME ZONE and to_char."

_UNSENT = (
    "The database's encoding is {}, and a text value cannot be converted to UTF-8; the server does not say which. "
    "In the dataset's query, remove or replace the characters that do not exist in UTF-8."
)
_INVALID = {
    "UTF8": 'Correct it in the database, or declare on_unrepresentable = "null" for the column in the dataset.',
    "SQL_ASCII": "The database's encoding is SQL_ASCII, so the encoding of the text is unknown. If it is Latin-1, use "
    "convert_from(convert(convert_to(name, 'SQL_ASCII'), 'LATIN1', 'UTF8'), 'UTF8') in the dataset's query for the "
    'column `name`, or declare on_unrepresentable = "null" for the column in the dataset.',
}
"""What to do about invalid text, by the database's encoding."""


def problem_of(error: Exception) -> Problem:
    """Return the problem for a failure. It has nothing of the server's own message, which may quote SQL.

    It does show the value that does not fit a type, because the caller may read the row.
    """
    if isinstance(error, Problem):
        return error
    if isinstance(error, Exceeded | Unrepresentable | InvalidText | SettingsChanged | UnsentText):
        return _in_its_words(error)
    if isinstance(error, ArgumentRejected):
        return _of_argument(error)
    if not isinstance(error, QueryError):
        return Problem(ProblemType.INTERNAL_ERROR, "The service's log has the reason for this instance.")
    known = _PROBLEMS.get(type(error))
    if known is not None:
        problem, detail, retry_after = known
        return Problem(problem, detail, retry_after=retry_after)
    state = f" (SQLSTATE {error.sqlstate})" if error.sqlstate else ""
    return Problem(ProblemType.QUERY_REJECTED, f"The service's log has the reason for this instance{state}.")


def _of_argument(error: ArgumentRejected) -> Problem:
    if error.is_bound:  # whoever asks does not know of the parameter
        return Problem(ProblemType.CLAIM_MISSING, "The database does not accept what they say: ask for others.")
    fault = Fault(error.parameter, "the database does not accept this value")
    return Problem(ProblemType.INVALID_PARAMETERS, "Correct the parameter.", faults=[fault])


def _in_its_words(error: Exceeded | Unrepresentable | InvalidText | SettingsChanged | UnsentText) -> Problem:
    if isinstance(error, UnsentText):
        return Problem(ProblemType.UNREPRESENTABLE_VALUE, _UNSENT.format(error.encoding))
    if isinstance(error, SettingsChanged):
        detail = f"The dataset's query changes settings that affect the output: {', '.join(error.names)}. {_INSTEAD}"
        return Problem(ProblemType.QUERY_REJECTED, detail)
    if isinstance(error, Unrepresentable):
        return Problem(ProblemType.UNREPRESENTABLE_VALUE, error.detail)
    if isinstance(error, InvalidText):
        return Problem(ProblemType.UNREPRESENTABLE_VALUE, f"{error}. {_INVALID[error.encoding]}")
    return Problem(ProblemType.EXPORT_TOO_LARGE, f"{error} Request less data: narrow the parameters or set a limit.")
