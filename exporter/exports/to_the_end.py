"""Work in threads that no cancellation leaves half done."""

import asyncio
from collections.abc import Awaitable, Callable
from concurrent.futures import Executor
from typing import TypeVar

T = TypeVar("T")


async def in_thread(threads: Executor, work: Callable[..., object], *arguments: object) -> None:
    """Have a thread do the work."""
    await asyncio.get_running_loop().run_in_executor(threads, work, *arguments)


async def both(one: Awaitable[object], other: Awaitable[object]) -> None:
    """Wait until both have ended, then raise what the first that failed raised."""
    for done in await asyncio.gather(one, other, return_exceptions=True):
        if isinstance(done, BaseException):
            raise done


async def to_the_end(work: Awaitable[T]) -> T:
    """Wait until the work has ended. A cancellation meanwhile is raised then, instead of what the work raised."""
    task = asyncio.ensure_future(work)
    cancelled: asyncio.CancelledError | None = None
    while not task.done():
        try:
            await asyncio.wait([task])
        except asyncio.CancelledError as error:
            cancelled = error
    if cancelled is None:
        return task.result()
    if not task.cancelled():
        task.exception()  # so that it does not count as never looked at
    raise cancelled
