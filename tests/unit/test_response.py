"""Work for a client that may leave."""

import asyncio
from typing import Any

import pytest

from exporter.http.disconnection import Disconnected, unless_disconnected

pytestmark = pytest.mark.anyio


class Client:
    """The part of a protocol that tells when the client leaves."""

    def __init__(self) -> None:
        self.left = asyncio.Event()

    async def client_disconnect(self) -> None:
        await self.left.wait()


async def test_work_is_cancelled_when_the_client_leaves() -> None:
    client: Any = Client()
    cancelled = asyncio.Event()

    async def work() -> None:
        client.left.set()
        try:
            await asyncio.Event().wait()
        finally:
            cancelled.set()

    with pytest.raises(Disconnected):
        await unless_disconnected(client, work())
    assert cancelled.is_set()
    await asyncio.sleep(0)  # a cancellation that was left behind would be raised here


async def test_work_that_fails_as_it_is_cancelled_was_disconnected() -> None:
    client: Any = Client()

    async def work() -> None:
        client.left.set()
        try:
            await asyncio.Event().wait()
        finally:
            raise ValueError

    with pytest.raises(Disconnected):
        await unless_disconnected(client, work())


@pytest.mark.parametrize("turns", range(3))
async def test_work_that_is_done_as_the_client_leaves_is_done(turns: int) -> None:
    """In the turn of the loop in which the client leaves, and in the next two, before its leaving is heard of."""
    client: Any = Client()
    errors: list[object] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: errors.append(context))

    async def work() -> int:
        await asyncio.sleep(0)
        client.left.set()
        for _ in range(turns):
            await asyncio.sleep(0)
        return turns

    assert await unless_disconnected(client, work()) == turns
    for _ in range(3):
        await asyncio.sleep(0)
    assert not errors


async def test_an_error_of_the_work_is_its_own() -> None:
    async def work() -> None:
        raise TimeoutError

    client: Any = Client()
    with pytest.raises(TimeoutError):
        await unless_disconnected(client, work())


async def test_whoever_is_cancelled_is_not_told_that_the_client_left() -> None:
    client: Any = Client()
    task = asyncio.ensure_future(unless_disconnected(client, asyncio.Event().wait()))
    await asyncio.sleep(0)
    task.cancel()
    await asyncio.wait([task])
    assert task.cancelled()
