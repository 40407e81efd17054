"""Several COPYs of one snapshot, read as one source."""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager

from queries.blocks import Block, CopySource, joined
from queries.connection import Connection
from queries.copy import receive
from queries.errors import InvalidText
from queries.source import BLOCK_BYTES, Reading
from queries.walk import Walk

_AHEAD = 1
"""Parts that may be buffered besides one for each connection, so that a connection need not wait for its turn."""


class ParallelSource:
    """The parts of a walk, each read by whichever connection is free. Blocks are as those of `CopySource`.

    Each part waits for its turn in a buffer of one block, so a reader that stops stops all connections.
    """

    is_csv = True

    def __init__(self, connections: Sequence[Connection], walk: Walk, *, ordered: bool) -> None:
        self.rows: int | None = None
        self._connections = connections
        self._walk = walk
        self._ordered = ordered
        self.counted = 0
        """The rows of the parts that have been read to their end."""
        self._room = asyncio.Semaphore(len(connections) + _AHEAD)
        self._last: asyncio.Task[None] | None = None
        self._blocks: asyncio.Queue[Block | Exception | None] = asyncio.Queue(1)

    async def __aiter__(self) -> AsyncIterator[Block]:
        """Yield the blocks: in the order of the walk, or as they come."""
        while (block := await self._blocks.get()) is not None:
            if isinstance(block, Exception):
                raise block
            yield block
        self.rows = self.counted

    def abandon(self) -> None:
        """Discard what still comes: otherwise a `run` that ends with a failure would wait for a reader."""
        self._blocks = asyncio.Queue()

    async def run(self, project: Callable[[str], str], reading: Reading) -> None:
        """Read everything for `__aiter__`; after a failure, which `__aiter__` raises, the rest is not read."""
        end: Exception | None = None
        try:
            async with asyncio.TaskGroup() as group:
                for connection in self._connections:
                    group.create_task(self._lane(connection, group, project, reading))
        except ExceptionGroup as failures:
            end = failures.exceptions[0]
        await self._blocks.put(end)

    async def _lane(
        self, connection: Connection, group: asyncio.TaskGroup, project: Callable[[str], str], reading: Reading
    ) -> None:
        while True:
            await self._room.acquire()
            # Nothing is awaited from here until the part has its place in the order.
            part = self._walk.take()
            if part is None:
                return
            source = CopySource(BLOCK_BYTES)
            self._last = group.create_task(self._forward(source, self._last if self._ordered else None))
            await receive(connection, project(part.sql), reading, source)
            if source.failed:
                return
            self._walk.learn(part, source.received)

    async def _forward(self, source: CopySource, turn: asyncio.Task[None] | None) -> None:
        if turn is not None:
            await turn
        try:
            async for block in source:
                await self._blocks.put(block)
        except InvalidText as error:
            raise (error.after(self.counted) if self._ordered else error.without_row()) from None
        self.counted += source.rows or 0
        self._room.release()

    csv = staticmethod(joined)


@asynccontextmanager
async def parallel(
    connections: Sequence[Connection], walk: Walk, project: Callable[[str], str], reading: Reading, *, ordered: bool
) -> AsyncIterator[ParallelSource]:
    """Read a walk's parts over several connections for as long as the context lasts; leaving it cancels what runs.

    Args:
        connections: each in a transaction of the same snapshot, used by nobody else meanwhile.
        walk: the parts; each one a statement without parameters.
        project: turns a part's query into the one that is read.
        reading: what that query returns.
        ordered: whether the blocks come in the order of the walk.
    """
    source = ParallelSource(connections, walk, ordered=ordered)
    task = asyncio.create_task(source.run(project, reading))
    try:
        yield source
    finally:
        source.abandon()
        task.cancel()
        await asyncio.wait([task])
