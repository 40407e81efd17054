"""A connection of a host application's pool, as the service uses it and gives it back."""

from typing import Any

import asyncpg
from asyncpg.protocol import NO_TIMEOUT

from queries.connection import Connection, driver_of
from queries.quoting import literal

_DAY = 86_400.0
"""Instead of the host's `command_timeout`, which is meant for its own statements; here the server's limits apply."""

_HELD = """
SELECT pg_catalog.format('DEALLOCATE %I', name)
FROM pg_catalog.pg_prepared_statements WHERE pg_catalog.pg_backend_pid() OPERATOR(pg_catalog.=) {pid}
UNION ALL
SELECT pg_catalog.format(
    'SELECT pg_catalog.pg_advisory_unlock%s(%s)',
    CASE WHEN mode OPERATOR(pg_catalog.=) 'ShareLock' THEN '_shared' END,
    CASE WHEN objsubid OPERATOR(pg_catalog.=) 2
        THEN pg_catalog.format('%s, %s', classid::pg_catalog.int4, objid::pg_catalog.int4)
        ELSE ((classid::pg_catalog.int8 OPERATOR(pg_catalog.<<) 32) OPERATOR(pg_catalog.|) objid::pg_catalog.int8)
            ::pg_catalog.text
    END
)
FROM pg_catalog.pg_locks
WHERE locktype OPERATOR(pg_catalog.=) 'advisory' AND pid OPERATOR(pg_catalog.=) pg_catalog.pg_backend_pid()
    AND pid OPERATOR(pg_catalog.=) {pid}
"""
"""What a session holds that no rollback ends: for each the statement that ends it.

A pooler gives its clients other process ids than the server's, and each transaction another session: there it finds
nothing."""


class LentConnection:
    """The methods of the driver's connection that the service uses, without the host's codecs and statement cache.

    They go past the connection's class, which may be the host's own, and past its loggers of queries. A statement is
    prepared without a name: what the host has prepared stays, and nothing is added to it.
    """

    def __init__(self, lent: Connection) -> None:
        """Take what the host's pool has lent."""
        self.lent = lent
        self._before: set[str] = set()

    def __getattr__(self, name: str) -> Any:
        """Return what else the driver's connection has: no statement is sent by it."""
        return getattr(self.lent, name)

    async def remember(self) -> None:
        """Note what the host's session holds already. Raises the driver's errors."""
        self._before = await self._held()

    async def restore(self) -> None:
        """End the transaction and, of what outlives one, whatever a query has left; what the host had stays.

        Raises:
            asyncpg.InterfaceError: a query has taken a lock many times: only the session's end releases it.
            Exception: the driver's errors.
        """
        before = ", ".join(map(literal, sorted(self._before)))
        held = _HELD.format(pid=self.lent.get_server_pid())
        left = f"""SELECT FROM ({held}) h(statement)
WHERE statement OPERATOR(pg_catalog.<>) ALL (ARRAY[{before}]::pg_catalog.text[])"""
        if await self.execute(f"ROLLBACK;{left}") == "SELECT 0":  # as a rule, and in one message
            return
        for statement in await self._held() - self._before:
            await self.execute(statement)
            if statement in await self._held():
                raise asyncpg.InterfaceError(f"still to be undone: {statement}")

    async def _held(self) -> set[str]:
        return {row[0] for row in await self.fetch(_HELD.format(pid=self.lent.get_server_pid()))}

    async def execute(self, sql: str, *, timeout: float = _DAY) -> str:  # noqa: ASYNC109 - the driver's own
        """Run statements without arguments; return the server's command tag."""
        tag: str = await driver_of(self.lent)._protocol.query(sql, timeout)  # noqa: SLF001 - as the class says
        return tag

    async def fetch(self, sql: str, *arguments: Any) -> list[asyncpg.Record]:
        """Return the rows of a statement."""
        state = await self._prepared(sql)
        protocol = driver_of(self.lent)._protocol  # noqa: SLF001 - as above
        rows: list[asyncpg.Record] = await protocol.bind_execute(state, arguments, "", 0, False, NO_TIMEOUT)
        return rows

    async def fetchrow(self, sql: str, *arguments: Any) -> asyncpg.Record | None:
        """Return the first row of a statement that gives one row or none."""
        return next(iter(await self.fetch(sql, *arguments)), None)

    async def fetchval(self, sql: str, *arguments: Any) -> Any:
        """Return the first value of a statement that gives one row."""
        row = await self.fetchrow(sql, *arguments)
        return row[0] if row else None

    async def copy_from_query(self, sql: str, **how: Any) -> str:
        """Run a COPY as the driver's method of the same name does, with its arguments."""
        driver = driver_of(self.lent)
        tag: str = await asyncpg.Connection.copy_from_query(driver, sql, timeout=NO_TIMEOUT, **how)  # type: ignore[arg-type]
        return tag

    async def prepare(self, sql: str) -> "LentStatement":
        """Prepare a statement without a name: the next statement replaces it, but not its portals."""
        return LentStatement(self.lent, await self._prepared(sql))

    async def _prepared(self, sql: str) -> Any:
        driver = driver_of(self.lent)
        return await asyncpg.Connection._get_statement(  # type: ignore[attr-defined]  # noqa: SLF001 - as above
            driver, sql, NO_TIMEOUT, use_cache=False, ignore_custom_codec=True, record_class=asyncpg.Record
        )


class LentStatement:
    """A prepared statement, of which one portal is opened."""

    def __init__(self, lent: Connection, state: Any) -> None:
        """`state` is the driver's own record of the statement."""
        self._lent = lent
        self._state = state
        self._portal = ""

    async def cursor(self, *arguments: Any) -> "LentStatement":
        """Open the portal, which ends with the transaction."""
        driver = driver_of(self._lent)
        self._portal = driver._get_unique_id("portal")  # noqa: SLF001 - as above
        await driver._protocol.bind(self._state, arguments, self._portal, NO_TIMEOUT)  # noqa: SLF001
        return self

    async def fetch(self, count: int) -> list[asyncpg.Record]:
        """Return the next rows, none at the end."""
        protocol = driver_of(self._lent)._protocol  # noqa: SLF001 - as above
        rows, _, _ = await protocol.execute(self._state, self._portal, count, True, NO_TIMEOUT)
        return list(rows)
