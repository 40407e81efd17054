"""Further connections that see what an export's own connection sees."""

import logging
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from datetime import datetime
from typing import TypeAlias

from queries.base_pool import BasePool
from queries.connection import Connection
from queries.errors import DatabaseUnavailable, QueryError, translated
from queries.explain import take_locks

Begin: TypeAlias = Callable[[str], AbstractAsyncContextManager[Connection]]

log = logging.getLogger(__name__)

_JOIN_MILLISECONDS = 100
_READ_MILLISECONDS = 10_000

_SERVER = "SELECT pg_catalog.pg_postmaster_start_time()"
"""Identifies a server, to the microsecond. A standby has its primary's system identifier, and may share its address
behind a name; and two servers may use the same names for their snapshots."""


class Followers:
    """Lends a pool's connections to parallel scans, up to a limit that leaves some for other exports."""

    def __init__(self, pool: BasePool, limit: int) -> None:
        """`limit` is the most connections that are lent at once."""
        self._pool = pool
        self._limit = limit
        self._lent = 0

    @property
    def spare(self) -> int:
        """How many connections could be lent without waiting."""
        return max(0, min(self._limit - self._lent, self._pool.spare))

    @asynccontextmanager
    async def joining(self, leader: Connection, count: int, sql: str, begin: Begin) -> AsyncIterator[list[Connection]]:
        """Lend up to `count` connections in transactions of the leader's snapshot; as many as are free.

        A connection that cannot join (the server has none left, it reached another server than the leader, somebody
        waits to alter a table that `sql` reads) is logged and left out: the scan takes longer. `begin` begins a
        transaction of a snapshot, as `BasePool.transaction` does.

        Raises:
            QueryError: the leader failed.
        """
        count = min(count, self.spare)
        if not count:
            yield []
            return
        self._lent += count
        try:
            with translated(values=False):
                ((server, snapshot),) = await leader.fetch(f"{_SERVER}, pg_catalog.pg_export_snapshot()")
            async with AsyncExitStack() as stack:
                joined: list[Connection] = []
                try:
                    for _ in range(count):
                        transaction = begin(snapshot)
                        joined.append(await stack.enter_async_context(_locked(transaction, server, sql)))
                except QueryError as error:
                    log.warning("a parallel scan has %d of %d connections: %s", len(joined), count, error)
                self._lent -= count - len(joined)
                count = len(joined)
                yield joined
        finally:
            self._lent -= count


@asynccontextmanager
async def _locked(
    transaction: AbstractAsyncContextManager[Connection], server: datetime, sql: str
) -> AsyncIterator[Connection]:
    """Make sure that the transaction is on the leader's server, and take the query's locks at once.

    Later, somebody might wait for the leader to end before altering a table; a connection that then asked for its lock
    would wait behind, and the leader for its rows: a deadlock that the server cannot see. Waiting
    for what planning does not lock, such as a table that a function reads, has a time limit.
    """
    async with transaction as connection:
        with translated():
            if await connection.fetchval(_SERVER) != server:
                raise DatabaseUnavailable("it is on another server, whose snapshot of the same name has other rows")
            await connection.execute(f"SET LOCAL lock_timeout = {_JOIN_MILLISECONDS}")
            await take_locks(connection, sql)
            await connection.execute(f"SET LOCAL lock_timeout = {_READ_MILLISECONDS}")
        yield connection
