"""Failures of reading from PostgreSQL, told apart by what the caller can do about them."""

from collections.abc import Iterator
from contextlib import contextmanager

import asyncpg


class QueryError(Exception):
    """A failure of the database or of a dataset's query. Its text is for the log; it may hold SQL."""

    sqlstate: str | None = None
    position: int | None = None
    """Where in the query the server sees the error, in characters from 1."""


class DatabaseUnavailable(QueryError):
    """PostgreSQL cannot be reached, refuses connections, ended this one, or had to give the transaction up."""


class PoolBusy(QueryError):
    """Every connection of the pool stayed in use for as long as the caller may wait."""


class PermissionDenied(QueryError):
    """The service's role may not read what the query reads (SQLSTATE 42501)."""


class RoleRefused(QueryError):
    """The service's role may not take on the caller's, or there is no such role."""


class LockTimeout(QueryError):
    """Somebody kept a lock for as long as the query may wait for it (SQLSTATE 55P03)."""


class StatementTimeout(QueryError):
    """The server cancelled the statement because `statement_timeout` passed (SQLSTATE 57014)."""


class CopyRefused(QueryError):
    """The server prepared the query but knows no COPY; the cursor source can read it."""


class RowsLost(QueryError):
    """Fewer or more rows came out of an export than the server says it sent."""


class QueryRejected(QueryError):
    """The server refused the query or failed while it ran it."""


class ArgumentRejected(QueryError):
    """The server refused the value of an argument."""

    def __init__(self, parameter: str, message: str) -> None:
        super().__init__(f"{parameter}: {message}")
        self.parameter = parameter
        self.message = message


_UNAVAILABLE = ("08", "40", "53", "57P", "58", "28", "3D")
"""SQLSTATE classes and codes that say something of the server's state, not of the query (PostgreSQL, appendix A)."""


def _translated(error: Exception) -> QueryError:
    sqlstate: str | None = getattr(error, "sqlstate", None)
    kind: type[QueryError] = QueryRejected
    if not isinstance(error, asyncpg.PostgresError) or (sqlstate or "").startswith(_UNAVAILABLE):
        kind = DatabaseUnavailable
    elif isinstance(error, asyncpg.InsufficientPrivilegeError):
        kind = PermissionDenied
    elif isinstance(error, asyncpg.LockNotAvailableError):
        kind = LockTimeout
    elif isinstance(error, asyncpg.QueryCanceledError):
        kind = StatementTimeout
    translated = kind(str(error))
    translated.sqlstate = sqlstate
    position = getattr(error, "position", None)
    translated.position = int(position) if position else None
    return translated


_DRIVER_ERRORS = (asyncpg.PostgresError, asyncpg.InterfaceError, asyncpg.InternalClientError, OSError)
"""The driver calls it internal when the server ended the connection between two statements, or is not of the kind that
`target_session_attrs` wants."""


@contextmanager
def translated() -> Iterator[None]:
    """Raise the driver's errors as `QueryError`; the driver's own error stays its cause."""
    try:
        yield
    except _DRIVER_ERRORS as error:
        raise _translated(error) from error
