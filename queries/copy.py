"""The COPY source: the server's own CSV, pushed by the driver and pulled by the export."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Any, TypeAlias

import asyncpg

from queries.connection import Connection
from queries.errors import CopyRefused, QueryError, RowsLost, translated
from queries.source import BLOCK_BYTES, Dialect
from queries.wire import driver_of

PIECE_BYTES = 1 << 18
"""How much is joined where blocks pass through: what a response sends at once, so that it copies no part of a block."""

_IDLE_SECONDS = 0.05
"""How long a partly filled block waits for more: rows that trickle in are not withheld from the reader."""

_SMALL_CHUNK = 1 << 16
_GATHER_SECONDS = 0.001
_AT_ONCE_BYTES = 1 << 17
"""The server sends 8 KB at a time, and waking up for each costs more than all else done to it. So after the first
`_AT_ONCE_BYTES`, a chunk smaller than `_SMALL_CHUNK` is followed by a pause in which the socket fills: half the CPU
time of receiving, at the same speed. (Pauses of two milliseconds would be too long: a Unix socket is full before.)"""

_FIRST_BYTES = 1 << 17
_STEP_BYTES = 1 << 15
_SLOW_SECONDS = 1.0
"""Blocks begin small and grow while the reader keeps up; one that lets the server wait for long gets small ones again.
So most clients that stall do not hold whole blocks: in the pipeline, the encoder's output and the web server."""

_CANCEL_SECONDS = 5.0
"""How long the server may take to give a COPY up; then its connection is cut."""

_REFUSALS = ("0A000", "42601")
"""feature_not_supported and syntax_error: what servers and poolers without COPY answer."""


Block: TypeAlias = list[bytes]
"""Chunks of whole rows. Who takes a block owns it."""


def joined(block: Block) -> bytes:
    """Return a block as CSV rows without a header, and leave it empty, so that nobody holds it twice."""
    if len(block) == 1 and len(block[0]) > PIECE_BYTES:
        return block.pop()  # a row may be hundreds of megabytes
    csv = b"".join(block)
    block.clear()
    return csv


async def pieces(blocks: AsyncIterator[Block]) -> AsyncIterator[Block]:
    """Yield the blocks in pieces of about `PIECE_BYTES` at most, larger chunks by themselves."""
    async for block in blocks:
        piece: Block = []
        size = 0
        for chunk in block:
            if piece and size + len(chunk) > PIECE_BYTES:
                yield piece
                piece, size = [], 0
            piece.append(chunk)
            size += len(chunk)
        yield piece


class CopySource:
    """One running COPY. Its blocks are lists of the driver's chunks; the server counts the rows when it is done."""

    is_csv = True

    def __init__(self, first: int = _FIRST_BYTES) -> None:
        """Take the size of the first block."""
        self.rows: int | None = None
        self.received = 0
        """Bytes so far."""
        self._chunks: list[bytes] = []
        self._size = 0
        self._limit = first
        self._ended = False
        self._discarding = False
        self._failure: QueryError | None = None
        self._paused: asyncio.ReadTransport | None = None
        """What `rescue` has stopped reading from until there is room."""
        self._some = asyncio.Event()
        self._full = asyncio.Event()
        self._room = asyncio.Event()

    async def write(self, chunk: bytes) -> None:
        """Take a chunk of whole rows; return once there is room for another, which is what slows the server down."""
        if self._discarding:
            return
        self._add(chunk)
        if self._size >= self._limit:
            await self._until_taken()
        elif len(chunk) < _SMALL_CHUNK and self.received > _AT_ONCE_BYTES:
            await asyncio.sleep(_GATHER_SECONDS)

    def rescue(self, chunk: bytes, transport: asyncio.ReadTransport) -> None:
        """Take a chunk that the driver would drop. If there is no room for more, `transport` is not read from."""
        if self._discarding:
            return
        self._add(chunk)
        if self._size >= self._limit:
            self._full.set()
            # The driver may be about to hand a chunk over too. Then it stops reading itself, and goes on by itself.
            asyncio.get_running_loop().call_soon(self._pause, transport)

    def _pause(self, transport: asyncio.ReadTransport) -> None:
        if self._size >= self._limit and not self._discarding and not self._ended and transport.is_reading():
            transport.pause_reading()
            self._paused = transport

    def _resume(self) -> None:
        if self._paused is not None:
            self._paused.resume_reading()
            self._paused = None

    def _add(self, chunk: bytes) -> None:
        self.received += len(chunk)
        self._size += len(chunk)
        if self._chunks and len(self._chunks[-1]) < _SMALL_CHUNK:
            self._chunks[-1] += chunk  # in place; one by one, the smallest would take far more than their bytes
        else:
            self._chunks.append(chunk)
        self._some.set()

    async def _until_taken(self) -> None:
        loop = asyncio.get_running_loop()
        full = loop.time()
        self._room.clear()
        self._full.set()
        await self._room.wait()
        slow = loop.time() - full > _SLOW_SECONDS
        self._limit = _FIRST_BYTES if slow else min(self._limit + _STEP_BYTES, BLOCK_BYTES)

    def discard(self) -> None:
        """Drop all further chunks, without waiting."""
        self._discarding = True
        self._room.set()
        self._resume()

    @property
    def counted(self) -> int:
        """The number of rows, once the server has told it."""
        return self.rows or 0

    @property
    def failed(self) -> bool:
        """Whether the COPY has ended before its last row."""
        return self._failure is not None

    @property
    def begun(self) -> bool:
        """Whether the server has sent a row."""
        return self.received > 0

    def end(self, rows: int | None, failure: QueryError | None) -> None:
        """Tell the reader that nothing more will come, and why."""
        self.rows, self._failure, self._ended = rows, failure, True
        self._resume()
        self._some.set()
        self._full.set()

    def __aiter__(self) -> AsyncIterator[Block]:
        """Iterate over the blocks, which are there once."""
        return self

    async def __anext__(self) -> Block:
        """Return the next block."""
        await self._some.wait()
        if not self._full.is_set():
            await self._wait_until_full()
        if self._failure is not None:
            raise self._failure
        if not self._chunks:
            raise StopAsyncIteration
        return self._take()

    async def _wait_until_full(self) -> None:
        # Not wait_for: before Python 3.12 it can swallow a cancellation that arrives as the event is set.
        with suppress(TimeoutError):
            async with asyncio.timeout(_IDLE_SECONDS):
                await self._full.wait()

    def _take(self) -> Block:
        block, self._chunks = self._chunks, []
        self._size = 0
        if not self._ended:
            self._some.clear()
            self._full.clear()
        self._room.set()
        self._resume()
        return block

    csv = staticmethod(joined)


@asynccontextmanager
async def copy(connection: Connection, sql: str, columns: int, dialect: Dialect) -> AsyncIterator[CopySource]:
    """Run `COPY (sql) TO STDOUT` in the background for as long as the context lasts; leaving it cancels the statement.

    Args:
        connection: in a transaction, used by nobody else meanwhile.
        sql: one statement without parameters, already proved to be one by preparing it: COPY goes over the simple
            protocol, which would run a second one.
        columns: how many it returns.
        dialect: how the server writes the CSV.
    """
    source = CopySource()
    task = asyncio.create_task(receive(connection, sql, columns, dialect, source))
    try:
        yield source
    finally:
        if task.cancel():
            await asyncio.wait([task])


async def takes_copy(connection: Connection) -> bool:
    """Return whether the server runs the simplest COPY, so that a refusal was not about one query.

    Raises:
        QueryError: the server failed otherwise. After a refusal the transaction is at its end.
    """
    try:
        async with copy(connection, "SELECT 1", 1, Dialect()) as source:
            async for _ in source:
                pass
    except CopyRefused:
        return False
    return True


async def receive(connection: Connection, sql: str, columns: int, dialect: Dialect, source: CopySource) -> None:
    """Run the COPY to its end and tell `source`, also of what fails; raises nothing but cancellation. See `copy`."""
    rows: int | None = None
    failure: QueryError | None = QueryError("the COPY was cancelled")
    copying = asyncio.create_task(_statement(connection, sql, columns, dialect, source))
    try:
        await asyncio.wait([copying])
        rows, failure = copying.result(), None
    except QueryError as error:
        # The query was prepared before, so what the server cannot parse or do may be the COPY around it. Not once there
        # are rows: to read them again with a cursor would send them twice.
        refused = error.sqlstate in _REFUSALS and not source.begun
        failure = CopyRefused(f"SQLSTATE {error.sqlstate}") if refused else error
    except Exception as error:  # noqa: BLE001 - raised to who reads the rows
        failure = QueryError(type(error).__name__)
        failure.__cause__ = error
    finally:
        source.end(rows, failure)
        if not copying.done():
            await _cancel(connection, copying, source)
        if not copying.cancelled():
            copying.exception()  # retrieved, or asyncio would log it


async def _statement(connection: Connection, sql: str, columns: int, dialect: Dialect, source: CopySource) -> int:
    with translated(), driver_of(connection).copying(columns, source.rescue) as copying:
        status = await connection.copy_from_query(
            f"\n{sql}\n", output=source.write, format="csv", delimiter=dialect.delimiter, null=dialect.null
        )
    if surplus := copying.surplus(status, source.received):
        raise RowsLost(f"{status}: {surplus:+} bytes of it were not handed over")
    return int(status.rpartition(" ")[2])


async def _cancel(connection: Connection, copying: "asyncio.Task[int]", source: CopySource) -> None:
    """Have the server cancel the COPY, and read its answer.

    The task itself is never cancelled. Between two chunks asyncpg would then forget the statement and break over its
    next chunk; at the last chunk it would wait for ever for the end of a statement that has ended.
    """
    source.discard()
    driver: Any = connection
    tasks: set[asyncio.Task[Any]] = {copying}
    # The pool has taken a lost connection back already, and the driver's end of it is about to notice.
    with suppress(asyncpg.InterfaceError, AttributeError):
        tasks.add(asyncio.create_task(driver._cancel(asyncio.get_running_loop().create_future())))  # noqa: SLF001 - as above
    _, late = await asyncio.wait(tasks, timeout=_CANCEL_SECONDS)
    if late:
        with suppress(asyncpg.InterfaceError):
            connection.terminate()
        for task in late:
            task.cancel()
        await asyncio.wait(tasks)
