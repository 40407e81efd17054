"""The output of a COPY: chunks of whole rows, pushed by the driver and pulled by the export as blocks."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import suppress
from typing import TypeAlias

from queries.errors import QueryError
from queries.source import BLOCK_BYTES

PIECE_BYTES = 1 << 18
"""How much is joined where blocks pass through: as much as a response sends at once, so that it copies nothing."""

_IDLE_SECONDS = 0.05
"""How long a partly filled block waits for more, so that rows that trickle in still reach the reader."""

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

Block: TypeAlias = list[bytes]
"""Chunks of whole rows. Whoever takes a block owns it."""


def joined(block: Block) -> bytes:
    """Return a block as CSV rows without a header, and empty the block, so that it is not held twice."""
    if len(block) == 1 and len(block[0]) > PIECE_BYTES:
        # A row may be hundreds of megabytes. The driver's chunks, and what was added to them, may be bytearrays.
        return bytes(block.pop())
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

    def fail(self, failure: QueryError) -> None:
        """Report to the reader a failure that the server does not know of, and take nothing more."""
        self._failure = failure
        self.discard()
        self._some.set()
        self._full.set()

    def discard(self) -> None:
        """Drop all further chunks, without waiting."""
        self._discarding = True
        self._room.set()
        self._resume()

    @property
    def counted(self) -> int:
        """The number of rows, once the server has reported it."""
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
        """Signal the end to the reader, with the failure if there was one."""
        self.rows, self._failure, self._ended = rows, self._failure or failure, True
        self._resume()
        self._some.set()
        self._full.set()

    def __aiter__(self) -> AsyncIterator[Block]:
        """Iterate over the blocks, once."""
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
