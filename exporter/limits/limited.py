"""An export within its limits."""

import asyncio
import time
from collections.abc import AsyncGenerator, Awaitable
from contextlib import aclosing
from typing import TypeVar

from exporter.limits.admission import Admission, Place
from exporter.limits.exceeded import Exceeded
from exporter.order import Order

T = TypeVar("T")


async def limited(
    order: Order, chunks: AsyncGenerator[bytes], admission: Admission, place: Place, deadline: float | None
) -> AsyncGenerator[bytes]:
    """Wait for the place, then pass the chunks on until there are too many bytes or the loop's time is `deadline`.

    The place is held until the generator is closed. Its own waiting counts, not that of who reads it: see `Pace`.

    Raises:
        Problem: there was no place.
        Exceeded: there are more bytes than there may be, none of which has been passed on, or it takes too long.
    """
    sent = 0
    began = time.monotonic()
    try:
        await _in_time(admission.enter(place), deadline, order)
    finally:
        order.progress.waited += time.monotonic() - began
    try:
        async with aclosing(chunks):
            while chunk := await _in_time(anext(chunks, b""), deadline, order):
                sent += len(chunk)
                order.bounds.check_bytes(sent)
                yield chunk
                del chunk  # not held while the next is made
    finally:
        admission.leave(place)


async def _in_time(work: Awaitable[T], deadline: float | None, order: Order) -> T:
    if deadline is None:
        return await work
    limit = asyncio.timeout_at(deadline)
    try:
        async with limit:
            return await work
    except TimeoutError:
        if limit.expired():
            raise Exceeded(f"It takes more than {order.bounds.max_seconds:g} seconds (max_seconds).") from None
        raise
