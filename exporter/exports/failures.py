"""What a caller is told of a failure inside the engine."""

from exporter.exports.bounds import Exceeded
from exporter.problems import Fault, Problem, ProblemType
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

_SOON = 5
"""Seconds after which to try again."""

_PROBLEMS: dict[type[QueryError], tuple[ProblemType, str, int | None]] = {
    PoolBusy: (ProblemType.POOL_BUSY, "Every connection is busy with other exports. Try again shortly.", _SOON),
    DatabaseUnavailable: (ProblemType.DATABASE_UNAVAILABLE, "Try again shortly.", _SOON),
    PoolUnusable: (ProblemType.INTERNAL_ERROR, "The service's log has the reason under this instance.", None),
    RoleRefused: (ProblemType.PERMISSION_DENIED, "The service may not act as your role; tell its operator.", None),
    LockTimeout: (ProblemType.LOCKED, "Somebody is altering what the dataset reads. Try again shortly.", _SOON),
    PermissionDenied: (ProblemType.PERMISSION_DENIED, "Ask the database's owner to grant SELECT to its role.", None),
    RowsLost: (
        ProblemType.INTERNAL_ERROR,
        "Rows were lost between the database and the service. Try again; the service's log has the reason.",
        None,
    ),
    StatementTimeout: (ProblemType.STATEMENT_TIMEOUT, "Ask for less: narrow the parameters or set a limit.", None),
}

_INSTEAD = "Let it set them for a function only (CREATE FUNCTION … SET), or use AT TIME ZONE and to_char."

_UNSENT = (
    "The database's encoding is {}, and a text cannot be sent as UTF-8; the server does not say which. "
    "Let the dataset's query leave out, or replace, the characters that UTF-8 does not have."
)
_INVALID = {
    "UTF8": 'Correct it in the database, or let the dataset declare on_unrepresentable = "null" for the column.',
    "SQL_ASCII": "The database's encoding is SQL_ASCII, which says nothing about bytes. If they are Latin-1, let the "
    "dataset's query say convert_from(convert(convert_to(name, 'SQL_ASCII'), 'LATIN1', 'UTF8'), 'UTF8') for the column "
    '`name`; or let the dataset declare on_unrepresentable = "null" for it.',
}
"""What to do about invalid text, by the database's encoding."""


def problem_of(error: Exception) -> Problem:
    """Return the problem that stands for a failure; nothing of the server's own text, which may quote SQL, is in it.

    The value that does not fit a type is: whoever asks may read the row.
    """
    if isinstance(error, Problem):
        return error
    if isinstance(error, Exceeded | Unrepresentable | InvalidText | SettingsChanged | UnsentText):
        return _in_its_words(error)
    if isinstance(error, ArgumentRejected):
        return _of_argument(error)
    if not isinstance(error, QueryError):
        return Problem(ProblemType.INTERNAL_ERROR, "The service's log has the reason under this instance.")
    known = _PROBLEMS.get(type(error))
    if known is not None:
        problem, detail, retry_after = known
        return Problem(problem, detail, retry_after=retry_after)
    state = f" (SQLSTATE {error.sqlstate})" if error.sqlstate else ""
    return Problem(ProblemType.QUERY_REJECTED, f"The service's log has the reason under this instance{state}.")


def _of_argument(error: ArgumentRejected) -> Problem:
    if error.is_bound:  # whoever asks does not know of the parameter
        return Problem(ProblemType.CLAIM_MISSING, "The database does not accept what they say: ask for others.")
    fault = Fault(error.parameter, "the database does not accept this value")
    return Problem(ProblemType.INVALID_PARAMETERS, "Correct the parameter.", faults=[fault])


def _in_its_words(error: Exceeded | Unrepresentable | InvalidText | SettingsChanged | UnsentText) -> Problem:
    if isinstance(error, UnsentText):
        return Problem(ProblemType.UNREPRESENTABLE_VALUE, _UNSENT.format(error.encoding))
    if isinstance(error, SettingsChanged):
        detail = f"The dataset's query changes how values are written: {', '.join(error.names)}. {_INSTEAD}"
        return Problem(ProblemType.QUERY_REJECTED, detail)
    if isinstance(error, Unrepresentable):
        return Problem(ProblemType.UNREPRESENTABLE_VALUE, error.detail)
    if isinstance(error, InvalidText):
        return Problem(ProblemType.UNREPRESENTABLE_VALUE, f"{error}. {_INVALID[error.encoding]}")
    return Problem(ProblemType.EXPORT_TOO_LARGE, f"{error} Ask for less: narrow the parameters or set a limit.")
