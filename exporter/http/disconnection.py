"""Clients that disconnect before they have their response."""

import asyncio
from collections.abc import Awaitable
from contextlib import suppress
from typing import ClassVar, TypeVar

from velithon.datastructures import Protocol

T = TypeVar("T")


class Disconnected(Exception):
    """The client disconnected before it had its response."""

    outcome: ClassVar[str] = "disconnected"


async def unless_disconnected(protocol: Protocol, work: Awaitable[T]) -> T:
    """Run `work` to its end, or cancel it and raise `Disconnected` if the client disconnects first.

    This is needed even while sending, because sends to a disconnected client succeed. The work stays in the caller's
    task, since another task would cost a small export several turns of the event loop.
    """
    gone = asyncio.ensure_future(protocol.client_disconnect())
    connected = asyncio.timeout(None)

    def over(_: object) -> None:
        with suppress(RuntimeError):  # the work has ended in the meantime
            connected.reschedule(0)

    try:
        async with connected:
            gone.add_done_callback(over)
            return await work
    except Exception as error:
        if connected.expired():
            raise Disconnected from error
        raise
    finally:
        gone.remove_done_callback(over)
        gone.cancel()
