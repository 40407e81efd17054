"""The COPY source: the server's own CSV."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Any

import asyncpg

from queries.blocks import CopySource
from queries.connection import Connection, is_lost
from queries.errors import CopyRefused, DatabaseUnavailable, InvalidText, QueryError, RowsLost, translated
from queries.output_settings import expected_values, verify
from queries.source import Reading
from queries.utf8 import is_utf8, mended
from queries.wire import Copying, copying

_AGAIN_SECONDS = 1.0
"""How long to wait for the server before it is asked again to cancel a COPY."""
_CANCEL_SECONDS = 5.0
"""How long the server may take to cancel a COPY before the connection is cut."""

_LARGE = 1 << 20
"""The size in bytes above which a chunk is checked in a thread, to keep the event loop free."""

_REFUSALS = ("0A000", "42601")
"""feature_not_supported and syntax_error: how servers and poolers without COPY answer."""


@asynccontextmanager
async def copy(connection: Connection, sql: str, reading: Reading) -> AsyncIterator[CopySource]:
    """Run `COPY (sql) TO STDOUT` in the background for as long as the context lasts; leaving it cancels the statement.

    Args:
        connection: in a transaction, used by nobody else meanwhile.
        sql: one statement without parameters. It must have been prepared before, which proves that it is only one:
            COPY uses the simple protocol, which would run a second statement.
        reading: what the statement returns.
    """
    source = CopySource()
    task = asyncio.create_task(receive(connection, sql, reading, source))
    try:
        yield source
    finally:
        if task.cancel():
            await asyncio.wait([task])


async def takes_copy(connection: Connection) -> bool:
    """Return whether the server runs the simplest COPY; if it does, an earlier refusal concerned one query only.

    Raises:
        QueryError: the server failed for another reason. After a refusal the transaction is aborted.
    """
    try:
        async with copy(connection, "SELECT", Reading(())) as source:
            async for _ in source:
                pass
    except CopyRefused:
        return False
    return True


async def receive(connection: Connection, sql: str, reading: Reading, source: CopySource) -> None:
    """Run the COPY to its end; rows and failures go to `source`, and only cancellation is raised. See `copy`."""
    rows: int | None = None
    failure: QueryError | None = QueryError("the COPY was cancelled")
    statement = asyncio.create_task(_statement(connection, sql, reading, source))
    try:
        await asyncio.wait([statement])
        rows, failure = statement.result(), None
    except QueryError as error:
        # The query was prepared before, so what the server cannot parse or do may be the COPY around it. Not once there
        # are rows: to read them again with a cursor would send them twice.
        refused = error.sqlstate in _REFUSALS and not source.begun
        failure = CopyRefused(f"SQLSTATE {error.sqlstate}") if refused else error
    except Exception as error:  # noqa: BLE001 - raised to who reads the rows
        # Over the end of a connection that its pool has cut the driver stumbles.
        failure = (DatabaseUnavailable if is_lost(connection) else QueryError)(type(error).__name__)
        failure.__cause__ = error
    finally:
        source.end(rows, failure)
        if not statement.done():
            await _cancel(connection, statement, source)
        if not statement.cancelled():
            statement.exception()  # retrieved, or asyncio would log it


async def _statement(connection: Connection, sql: str, reading: Reading, source: CopySource) -> int:
    written = await expected_values(connection, reading.settings)
    dialect, checked = reading.dialect, _Checked(reading, source)
    with translated(), copying(connection, checked.rescue) as checked.copying:
        status = await connection.copy_from_query(
            f"\n{sql}\n",
            output=checked.write,
            format="csv",
            delimiter=dialect.delimiter,
            null=dialect.null,
            encoding=reading.encoding,  # the query may change the session's
        )
    if surplus := checked.copying.surplus(status, checked.handed):
        raise RowsLost(f"{status}: {surplus:+} bytes of it were not handed over")
    await verify(connection, written)
    return int(status.rpartition(" ")[2])


class _Checked:
    """Passes the driver's chunks on to a source, provided that they are UTF-8."""

    copying: Copying

    def __init__(self, reading: Reading, source: CopySource) -> None:
        self.handed = 0
        self._reading = reading
        self._source = source

    async def write(self, chunk: bytes) -> None:
        self.handed += len(chunk)
        valid = is_utf8(chunk) if len(chunk) < _LARGE else await asyncio.to_thread(is_utf8, chunk)
        if not valid:
            chunk = await asyncio.to_thread(self._mended, chunk, self.copying.rows(self.handed))
        await self._source.write(chunk)

    def rescue(self, chunk: bytes, transport: asyncio.ReadTransport) -> None:
        self.handed += len(chunk)
        # The driver is in the middle of reading, so how many rows there were is not known.
        self._source.rescue(chunk if is_utf8(chunk) else self._mended(chunk, None), transport)

    def _mended(self, chunk: bytes, end: int | None) -> bytes:
        try:
            return mended(chunk, self._reading, end)
        except InvalidText as error:
            # Raised, it would have the driver forget a statement that still runs.
            self._source.fail(error)
            return b""


async def _cancel(connection: Connection, statement: "asyncio.Task[int]", source: CopySource) -> None:
    """Have the server cancel the COPY, and read its answer.

    The task itself is never cancelled. Between two chunks asyncpg would then forget the statement and fail at its next
    chunk; at the last chunk it would wait forever for the end of a statement that has ended.
    """
    source.discard()
    driver: Any = connection
    tasks: set[asyncio.Task[Any]] = {statement}
    loop = asyncio.get_running_loop()
    until = loop.time() + _CANCEL_SECONDS
    while not statement.done() and loop.time() < until:
        # The pool has taken a lost connection back already, and the driver's end of it is about to notice.
        with suppress(asyncpg.InterfaceError, AttributeError):
            tasks.add(asyncio.create_task(driver._cancel(loop.create_future())))  # noqa: SLF001 - as above
        # On a busy machine the server may have been told before it has read the statement; then nothing is cancelled.
        await asyncio.wait([statement], timeout=_AGAIN_SECONDS)
    _, late = await asyncio.wait(tasks, timeout=max(0.0, until - loop.time()))
    if late:
        with suppress(asyncpg.InterfaceError):
            connection.terminate()
        for task in late:
            task.cancel()
        await asyncio.wait(tasks)
