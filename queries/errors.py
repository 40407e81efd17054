"""Failures of reading from PostgreSQL, distinguished by what the caller can do about them."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import asyncpg


class QueryError(Exception):
    """A failure of the database or of a dataset's query.

    The message is for the log: it may contain a dataset's SQL, but never a value of a row or an argument. The server's
    own message is always in the cause, the driver's error.
    """

    sqlstate: str | None = None
    position: int | None = None
    """Where in the query the server sees the error, in characters from 1."""


class DatabaseUnavailable(QueryError):
    """PostgreSQL cannot be reached, refuses connections, closed this one, or had to abort the transaction."""


class PoolBusy(QueryError):
    """All connections of the pool were in use for as long as a caller may wait."""


class PoolUnusable(QueryError):
    """A host's pool cannot be used, by a mistake of whoever has lent it; the message says what to do."""


class PermissionDenied(QueryError):
    """The service's role may not read what the query reads (SQLSTATE 42501)."""


class RoleRefused(QueryError):
    """The service's role may not switch to the caller's role, or that role does not exist."""


class LockTimeout(QueryError):
    """A lock was held for longer than the query may wait for it (SQLSTATE 55P03)."""


class StatementTimeout(QueryError):
    """The server cancelled the statement because `statement_timeout` passed (SQLSTATE 57014)."""


class CopyRefused(QueryError):
    """The server prepared the query but does not support COPY; the cursor source can read it."""


class RowsLost(QueryError):
    """An export has fewer or more rows than the server says it sent."""


class InvalidText(QueryError):
    """A text that the server sends as it is stored is not valid UTF-8."""

    def __init__(self, column: str, row: int | None, encoding: str) -> None:
        """`row` counts from 0, and is None if it is not known; `encoding` is the database's, UTF8 or SQL_ASCII."""
        place = f"column {column!r}" if row is None else f"column {column!r}, row {row + 1}"
        super().__init__(f"{place}: the text in the database is not valid UTF-8")
        self.column = column
        self.row = row
        self.encoding = encoding

    def without_row(self) -> "InvalidText":
        """Return the same error where rows cannot be counted."""
        return InvalidText(self.column, None, self.encoding)

    def after(self, rows: int) -> "InvalidText":
        """Return the same error for a row that is `rows` rows further down."""
        return InvalidText(self.column, None if self.row is None else self.row + rows, self.encoding)


class SettingsChanged(QueryError):
    """The query has changed output settings, so that some of its values may be written differently."""

    def __init__(self, names: Sequence[str]) -> None:
        super().__init__(f"the query has changed {', '.join(names)}")
        self.names = names


class QueryRejected(QueryError):
    """The server refused the query or failed while it ran it."""


class Untranslatable(QueryRejected):
    """A text does not fit an encoding (SQLSTATE 22021, 22P05): the client's, the database's, or that of a function."""


class UnsentText(QueryError):
    """A text of a database whose encoding is not UTF-8 could not be sent as UTF-8."""

    def __init__(self, encoding: str, sqlstate: str | None) -> None:
        super().__init__(f"a text of the database, whose encoding is {encoding}, cannot be sent as UTF-8")
        self.encoding = encoding
        self.sqlstate = sqlstate


class ArgumentRejected(QueryError):
    """The server refused the value of an argument."""

    def __init__(self, parameter: str, reason: str, *, is_bound: bool = False) -> None:
        """Take the parameter's name, the kind of the server's error, and whether the value came from a claim."""
        super().__init__(f"{parameter}: {reason}")
        self.parameter = parameter
        self.is_bound = is_bound


_UNAVAILABLE = ("08", "40", "53", "57P", "58", "28", "3D")
"""SQLSTATE classes and codes that concern the server's state, not the query (PostgreSQL, appendix A)."""


_OF_ITSELF = ("aset.c", "buffile.c", "fd.c", "lmgr.c", "mcxt.c", "md.c", "postgres.c", "proc.c")
"""The server's source files whose messages are about memory, temporary files, locks and interrupts only."""


def kind_of(error: Exception) -> str:
    """Return the kind of the driver's error and the server function that raised it, but no value."""
    where = getattr(error, "server_source_function", None)
    return type(error).__name__ + (f" in {where}" if where else "")


def _safe_message(error: Exception, *, values: bool) -> str:
    """Return the server's message if it cannot contain a value, else only the kind of the error.

    Once the server has values, any message may quote one: a value that cannot be cast, an argument that became the
    name of a relation, or whatever a user's function raises, under any SQLSTATE.
    """
    of_itself = getattr(error, "server_source_filename", None) in _OF_ITSELF
    # The driver's errors about what it was given to send are ValueErrors.
    of_driver = not isinstance(error, asyncpg.PostgresError | ValueError)
    if values and not of_itself and not of_driver:
        return kind_of(error)
    return str(error) or type(error).__name__


def _translated(error: Exception, *, values: bool) -> QueryError:
    sqlstate: str | None = getattr(error, "sqlstate", None)
    kind: type[QueryError] = QueryRejected
    if isinstance(error, UnicodeDecodeError):
        return QueryRejected("the server's error message is not valid UTF-8")
    if not isinstance(error, asyncpg.PostgresError) or (sqlstate or "").startswith(_UNAVAILABLE):
        kind = DatabaseUnavailable
    elif isinstance(error, asyncpg.InsufficientPrivilegeError):
        kind = PermissionDenied
    elif isinstance(error, asyncpg.LockNotAvailableError):
        kind = LockTimeout
    elif isinstance(error, asyncpg.QueryCanceledError):
        kind = StatementTimeout
    elif isinstance(error, asyncpg.CharacterNotInRepertoireError | asyncpg.UntranslatableCharacterError):
        kind = Untranslatable
    translated = kind(_safe_message(error, values=values))
    translated.sqlstate = sqlstate
    position = getattr(error, "position", None)
    translated.position = int(position) if position else None
    return translated


_DRIVER_ERRORS = (
    asyncpg.PostgresError,
    asyncpg.InterfaceError,
    asyncpg.InternalClientError,
    OSError,
    UnicodeDecodeError,
)
"""The driver raises an internal error when the server closed the connection between two statements, or is not of the
kind that `target_session_attrs` asks for."""


@contextmanager
def translated(*, values: bool = True) -> Iterator[None]:
    """Raise the driver's errors as `QueryError`; the driver's own error stays its cause.

    Args:
        values: whether the server handles rows or arguments meanwhile, so that its message may quote one.
    """
    try:
        yield
    except _DRIVER_ERRORS as error:
        raise _translated(error, values=values) from error
