"""Connections of a host application's pool."""

import asyncio
import logging
from contextlib import suppress
from typing import Any

import asyncpg

from queries.base_pool import CLEANUP_SECONDS, BasePool
from queries.connection import Connection
from queries.errors import DatabaseUnavailable, PoolUnusable
from queries.lent_connection import LentConnection
from queries.session import Session

log = logging.getLogger(__name__)


class LentPool(BasePool):
    """The host's pool, of which exports take some connections at a time and give them back as they were.

    The host opens and closes it. Its codecs, record and connection classes, statement cache and `command_timeout` do
    not matter here.
    """

    def __init__(
        self,
        pool: "asyncpg.Pool[Any]",
        *,
        acquire_timeout: float,
        session: Session,
        most: int | None = None,
    ) -> None:
        """Take the host's pool, and how many seconds to wait for one of its connections.

        Args:
            pool: must be open, in the event loop that uses it, once a connection is wanted.
            acquire_timeout: seconds.
            session: what applies to every transaction, whatever the host has set.
            most: how many connections exports may have at once; all but one if it is None. A parallel scan leaves as
                many free as are not for exports.

        Raises:
            ValueError: the pool is smaller than that.
        """
        super().__init__(acquire_timeout=acquire_timeout, session=session)
        all_of_it = pool.get_max_size()
        self._size = max(1, all_of_it - 1) if most is None else most
        if not 1 <= self._size <= all_of_it:
            raise ValueError(f"most: expected 1 to {all_of_it}, the pool's max_size, got {most}: make the pool larger")
        self._pool = pool
        self._turns = asyncio.Semaphore(self._size)
        self._taken = 0

    @property
    def size(self) -> int:
        """The most connections that exports may have at once."""
        return self._size

    @property
    def spare(self) -> int:
        """How many connections could be lent without waiting, and without taking those that are left to the host."""
        free = self._pool.get_max_size() - (self._pool.get_size() - self._pool.get_idle_size())
        reserved = self._pool.get_max_size() - self._size
        return max(0, min(self._size - self._taken, free - reserved))

    async def close(self) -> None:
        """Close nothing: the pool is the host's."""

    def check(self) -> None:
        """Make sure that the pool can be used here and now.

        Raises:
            PoolUnusable: it is not open, or belongs to another event loop.
            DatabaseUnavailable: it is closed.
        """
        pool: Any = self._pool
        if pool._loop is not asyncio.get_running_loop():  # noqa: SLF001 - the driver does not show it
            raise PoolUnusable(
                "the pool belongs to another event loop: create it in the loop that exports, as the application starts"
            )
        if not pool._initialized:  # noqa: SLF001
            raise PoolUnusable(
                "the pool is not open yet: `await pool`, or enter `async with pool`, before exports begin"
            )
        if pool.is_closing():
            raise DatabaseUnavailable("the pool is closed: end the exports before the application closes its pool")

    async def _acquire(self) -> Connection:
        """Return a connection. Raises what `check` and `BasePool.transaction` do."""
        self.check()
        return await super()._acquire()

    async def _take(self) -> Connection:
        async with asyncio.timeout(self._acquire_timeout):
            await self._turns.acquire()
            self._taken += 1
            try:
                connection: Any = LentConnection(await self._pool.acquire())
            except BaseException:
                self._give()
                raise
            try:
                await connection.remember()
            except BaseException:
                await asyncio.shield(self._release(connection))
                raise
        return connection  # type: ignore[no-any-return]

    def _give(self) -> None:
        self._taken -= 1
        self._turns.release()

    async def _release(self, connection: Any) -> None:
        try:
            async with asyncio.timeout(CLEANUP_SECONDS):
                await connection.restore()
        except Exception:  # noqa: BLE001 - the driver raises its internal errors too when a COPY was cut
            with suppress(asyncpg.InterfaceError):  # the driver has seen it closed, and taken it back
                connection.terminate()
        try:
            await self._pool.release(connection.lent, timeout=CLEANUP_SECONDS)
        except Exception:  # of the host's own `reset`, too; the driver has closed the connection
            log.warning("the host's pool has not taken a connection back, and has closed it", exc_info=True)
        finally:
            self._give()
