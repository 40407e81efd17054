"""What all pools have in common: a connection is lent for one read-only transaction with the service's settings."""

import asyncio
from abc import ABC, abstractmethod
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager

import asyncpg

from queries.acting import Acting
from queries.connection import Connection
from queries.errors import DatabaseUnavailable, PoolBusy, QueryError, RoleRefused, translated
from queries.session import Session

CLEANUP_SECONDS = 5.0
"""How long a server may take to make a connection ready for its next use, before the connection is cut."""

_AS_ITSELF = Acting()


class BasePool(ABC):
    """A bounded pool of connections."""

    def __init__(self, *, acquire_timeout: float, session: Session) -> None:
        """Take how many seconds to wait for a connection, and what applies to every transaction."""
        self._acquire_timeout = acquire_timeout
        self._session = session
        self._watch = ""
        """Further statements that begin a transaction."""
        self.waiting = 0
        """How many wait until one is lent to them."""

    @property
    @abstractmethod
    def size(self) -> int:
        """The most connections."""

    @property
    @abstractmethod
    def spare(self) -> int:
        """How many connections could be lent without waiting."""

    @abstractmethod
    async def close(self) -> None:
        """Release what the pool has opened itself."""

    @abstractmethod
    async def _take(self) -> Connection:
        """Return a connection. Raises the driver's errors, and TimeoutError if there was none in time."""

    @abstractmethod
    async def _release(self, connection: Connection) -> None:
        """End the transaction and whatever outlives it, and take the connection back. Raises nothing."""

    @asynccontextmanager
    async def transaction(
        self,
        name: str,
        statement_timeout: float | None = None,
        *,
        acting: Acting = _AS_ITSELF,
        snapshot: str | None = None,
    ) -> AsyncIterator[Connection]:
        """Lend a connection inside a fresh transaction; roll it back and take the connection back at the end.

        Args:
            name: what `pg_stat_activity.application_name` shows (the server keeps 63 bytes).
            statement_timeout: seconds, instead of the session's own.
            acting: the role and claims to act with; the transaction's end undoes them.
            snapshot: the result of `pg_export_snapshot` in a transaction that is still open: both see the same rows.

        Raises:
            PoolBusy: no connection became free in time.
            DatabaseUnavailable: none could be opened.
            RoleRefused: the service's role may not switch to the caller's.
        """
        connection = await self._acquire()
        try:
            begin = self._session.begin(name, statement_timeout, acting, snapshot) + self._watch
            with translated(values=False), _role_refused(acting):
                await connection.execute(begin, timeout=self._acquire_timeout)
            yield connection
        finally:
            # Shielded: a caller that is cancelled twice must not leave a transaction open in the pool.
            await asyncio.shield(self._release(connection))

    async def _acquire(self) -> Connection:
        self.waiting += 1
        try:
            with translated(values=False):
                return await self._take()
        except DatabaseUnavailable as error:
            if isinstance(error.__cause__, TimeoutError) and not self.spare:
                raise PoolBusy(f"no connection became free within {self._acquire_timeout} s") from error
            raise
        except QueryError as error:
            # No query was asked yet: the server refuses a database, or what the URL says.
            unavailable = DatabaseUnavailable(str(error))
            unavailable.sqlstate = error.sqlstate
            raise unavailable from error.__cause__
        finally:
            self.waiting -= 1


@contextmanager
def _role_refused(acting: Acting) -> Iterator[None]:
    try:
        yield
    except (asyncpg.InsufficientPrivilegeError, asyncpg.InvalidParameterValueError) as error:
        if acting.role is None:
            raise
        raise RoleRefused(f"cannot switch to the role {acting.role!r}: {error}") from error
