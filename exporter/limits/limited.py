"""An export within its limits."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import AsyncExitStack, aclosing, asynccontextmanager

from exporter.limits.admission import Admission
from exporter.limits.exceeded import Exceeded
from exporter.order import Order


async def limited(
    order: Order, chunks: AsyncGenerator[bytes], admission: Admission, deadline: float | None
) -> AsyncGenerator[bytes]:
    """Wait for a place, then pass the chunks on until there are too many bytes or the loop's time `deadline` has come.

    The place is held until the generator is closed. Its own waiting counts, not that of who reads it: see `Pace`.

    Raises:
        Problem: there was no place.
        Exceeded: there are more bytes than there may be, none of which has been passed on, or it takes too long.
    """
    dataset, sent = order.dataset, 0
    place = admission.place(order.principal.name, dataset.name, dataset.max_exports or 0)
    async with AsyncExitStack() as stack, aclosing(chunks):
        async with _until(deadline, order):
            await stack.enter_async_context(place)
        while True:
            async with _until(deadline, order):
                chunk = await anext(chunks, b"")
            if not chunk:
                return
            sent += len(chunk)
            order.bounds.check_bytes(sent)
            yield chunk
            del chunk  # not held while the next is made


@asynccontextmanager
async def _until(deadline: float | None, order: Order) -> AsyncIterator[None]:
    limit = asyncio.timeout_at(deadline)
    try:
        async with limit:
            yield
    except TimeoutError:
        if limit.expired():
            raise Exceeded(f"{order.bounds.max_seconds:g} seconds (max_seconds)") from None
        raise
