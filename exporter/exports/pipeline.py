"""Processes blocks in threads: several at once, emitted in order, with bounded queues."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from concurrent.futures import Executor
from typing import Any, TypeVar

Block = TypeVar("Block")
Prepared = TypeVar("Prepared")
Written = TypeVar("Written")

_AHEAD = 1
"""Blocks that may be prepared ahead: enough to keep the next one ready, few enough to keep memory small."""


async def in_place(
    blocks: AsyncIterator[Block], prepare: Callable[[Block], Prepared], write: Callable[[Prepared], Written]
) -> AsyncGenerator[Written]:
    """Yield the same as `pipeline`, without threads: for work so small that threads would only delay it."""
    async for block in blocks:
        yield write(prepare(block))


async def pipeline(
    blocks: AsyncIterator[Block],
    prepare: Callable[[Block], Prepared],
    write: Callable[[Prepared], Written],
    threads: Executor,
) -> AsyncGenerator[Written]:
    """Yield `write(prepare(block))` for each block, in the order of the blocks.

    `prepare` runs for several blocks at once, `write` for one at a time and in order; both in `threads`. If the reader
    stops pulling, everything before it stops after `_AHEAD` blocks. A failure of `blocks` or `prepare` is raised where
    its output would have come. After the generator is closed, nothing of it keeps running.
    """
    loop = asyncio.get_running_loop()
    queue: asyncio.Queue[asyncio.Future[Prepared] | None] = asyncio.Queue(_AHEAD)
    running: set[asyncio.Future[Any]] = set()

    def start(work: Callable[[Any], Any], item: object) -> asyncio.Future[Any]:
        future = loop.run_in_executor(threads, work, item)
        running.add(future)
        future.add_done_callback(ended)
        return future

    def ended(future: asyncio.Future[Any]) -> None:
        running.discard(future)
        # Failures after the raised one have no consumer; retrieving them keeps asyncio from logging them.
        if not future.cancelled():
            future.exception()

    async def feed() -> None:
        try:
            async for block in blocks:
                preparing = start(prepare, block)
                del block  # kept only by its work, for as long as that runs
                await queue.put(preparing)
            await queue.put(None)
        except Exception as error:  # noqa: BLE001 - raised where the future is awaited
            failed: asyncio.Future[Prepared] = loop.create_future()
            failed.add_done_callback(ended)
            failed.set_exception(error)
            await queue.put(failed)

    async def written() -> tuple[Written] | None:
        prepared = await queue.get()
        return None if prepared is None else (await start(write, await prepared),)

    feeder = asyncio.create_task(feed())
    try:
        while (item := await written()) is not None:
            yield item[0]
            del item  # not kept while the next one is made
    finally:
        feeder.cancel()
        await asyncio.wait([feeder, *running])
