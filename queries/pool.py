"""Connections to PostgreSQL, each lent for one read-only transaction with the service's session settings."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from typing import Any

import asyncpg

from queries.acting import Acting
from queries.connection import Connection, keep_alive
from queries.conninfo import parse
from queries.errors import DatabaseUnavailable, PoolBusy, QueryError, RoleRefused, translated
from queries.hosts import connect
from queries.session import Session

_CLEANUP_SECONDS = 5.0
_AS_ITSELF = Acting()

_WATCH = "SET LOCAL client_connection_check_interval = '5s';"
"""Lets a server that computes for a long time notice that the service has died (since PostgreSQL 14)."""


class Pool:
    """A bounded pool of connections.

    It connects only when a connection is needed, so that a service starts and recovers without its database.
    """

    def __init__(self, dsn: str, *, size: int, acquire_timeout: float, session: Session) -> None:
        """Take a libpq URL, the most connections, and how many seconds to wait for one."""
        self._conninfo = parse(dsn)
        self._size = size
        self._acquire_timeout = acquire_timeout
        self._session = session
        self._opened: asyncpg.Pool[asyncpg.Record] | None = None
        self._watch = ""
        self.waiting = 0
        """How many wait until one is lent to them."""

    async def _pool(self) -> "asyncpg.Pool[asyncpg.Record]":
        """Return the driver's pool, which belongs to the event loop that first asks for it."""
        if self._opened is None:
            self._opened = asyncpg.create_pool(
                connect=self._connect,
                min_size=0,
                max_size=self._size,
                # Poolers in transaction mode hand out another server connection each time: a cached name is gone there.
                statement_cache_size=0,
                init=self._prepare,
                reset=_already_reset,
            )
            await self._opened
        return self._opened

    async def _connect(self, *_: Any, **options: Any) -> "asyncpg.Connection[asyncpg.Record]":
        return await connect(self._conninfo, seconds=self._acquire_timeout, **options)

    async def _prepare(self, connection: "asyncpg.Connection[asyncpg.Record]") -> None:
        """Let both ends of a new connection notice when the other is gone."""
        keep_alive(connection, self._conninfo.probes(), asks=self._conninfo.keeps_alive)
        try:
            # Two statements in one message are a transaction of their own: it is tried without being kept.
            await connection.execute(f"{_WATCH} SELECT 1")
        except asyncpg.PostgresError:  # an older server, or one on a system that cannot tell
            self._watch = ""
        else:
            self._watch = _WATCH

    async def close(self) -> None:
        """Wait for lent connections and close all; a connection that is not returned in time is cut."""
        if self._opened is None:
            return
        try:
            await asyncio.wait_for(self._opened.close(), _CLEANUP_SECONDS)
        except TimeoutError:
            self._opened.terminate()

    @property
    def size(self) -> int:
        """The most connections."""
        return self._size

    @property
    def spare(self) -> int:
        """How many connections could be lent without waiting."""
        return self._size - (self._opened.get_size() - self._opened.get_idle_size() if self._opened else 0)

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
                return await (await self._pool()).acquire(timeout=self._acquire_timeout)
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

    async def _release(self, connection: Connection) -> None:
        try:
            # In one message what the driver would send in two: the end of the transaction, and of what outlives it
            # (a query may PREPARE, LISTEN, take advisory locks, and set_config without `local`).
            reset = connection.get_reset_query().replace("SELECT pg_", "SELECT pg_catalog.pg_")
            await connection.execute(f"ROLLBACK;\nDEALLOCATE ALL;\n{reset}", timeout=_CLEANUP_SECONDS)
        except Exception:  # noqa: BLE001 - the driver raises its internal errors too when a COPY was cut
            with suppress(asyncpg.InterfaceError):  # the driver has seen it closed, and taken it back
                connection.terminate()
        finally:
            with suppress(asyncpg.PostgresError, asyncpg.InterfaceError, OSError):
                await (await self._pool()).release(connection, timeout=_CLEANUP_SECONDS)


@contextmanager
def _role_refused(acting: Acting) -> Iterator[None]:
    try:
        yield
    except (asyncpg.InsufficientPrivilegeError, asyncpg.InvalidParameterValueError) as error:
        if acting.role is None:
            raise
        raise RoleRefused(f"cannot switch to the role {acting.role!r}: {error}") from error


async def _already_reset(connection: object) -> None:
    """Replace the driver's reset of a returned connection: `Pool` has reset it already."""
