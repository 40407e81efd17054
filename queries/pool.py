"""Connections to PostgreSQL of the service's own."""

import asyncio
from contextlib import suppress
from typing import Any

import asyncpg

from queries.base_pool import CLEANUP_SECONDS, BasePool
from queries.connection import Connection, keep_alive
from queries.conninfo import parse
from queries.hosts import connect
from queries.session import Session

_WATCH = "SET LOCAL client_connection_check_interval = '5s';"
"""Lets a server that computes for a long time notice that the service has died (since PostgreSQL 14)."""


class Pool(BasePool):
    """A bounded pool of connections.

    It connects only when a connection is needed, so that a service starts and recovers without its database.
    """

    def __init__(self, dsn: str, *, size: int, acquire_timeout: float, session: Session) -> None:
        """Take a libpq URL, the most connections, and how many seconds to wait for one."""
        super().__init__(acquire_timeout=acquire_timeout, session=session)
        self._conninfo = parse(dsn)
        self._size = size
        self._opened: asyncpg.Pool[asyncpg.Record] | None = None

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
            await asyncio.wait_for(self._opened.close(), CLEANUP_SECONDS)
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

    async def _take(self) -> Connection:
        return await (await self._pool()).acquire(timeout=self._acquire_timeout)

    async def _release(self, connection: Connection) -> None:
        try:
            # In one message what the driver would send in two: the end of the transaction, and of what outlives it
            # (a query may PREPARE, LISTEN, take advisory locks, and set_config without `local`).
            reset = connection.get_reset_query().replace("SELECT pg_", "SELECT pg_catalog.pg_")
            await connection.execute(f"ROLLBACK;\nDEALLOCATE ALL;\n{reset}", timeout=CLEANUP_SECONDS)
        except Exception:  # noqa: BLE001 - the driver raises its internal errors too when a COPY was cut
            with suppress(asyncpg.InterfaceError):  # the driver has seen it closed, and taken it back
                connection.terminate()
        finally:
            with suppress(asyncpg.PostgresError, asyncpg.InterfaceError, OSError):
                await (await self._pool()).release(connection, timeout=CLEANUP_SECONDS)


async def _already_reset(connection: object) -> None:
    """Replace the driver's reset of a returned connection: `Pool` has reset it already."""
