"""A COPY that is given up, whenever that is, leaves a connection that can be used again."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any, cast

import asyncpg
import pytest

from queries.connection import Connection
from queries.copy import copy
from queries.parallel import parallel
from queries.walk import Span, Walk
from tests.exporting import texts

pytestmark = pytest.mark.anyio


@pytest.fixture
async def connections(database_url: str) -> AsyncIterator[list[Connection]]:
    opened = [cast("Connection", await asyncpg.connect(database_url)) for _ in range(4)]
    yield opened
    for connection in opened:
        await connection.close(timeout=5)


@pytest.fixture
async def complaints() -> AsyncIterator[list[Any]]:
    """What the event loop was told, since nobody else took it: the driver broke over what came."""
    loop = asyncio.get_running_loop()
    told: list[Any] = []
    handler = loop.get_exception_handler()
    loop.set_exception_handler(lambda _, context: told.append(context))
    yield told
    loop.set_exception_handler(handler)
    assert not told


@pytest.mark.usefixtures("complaints")
async def test_at_any_moment_of_many_copies(connections: list[Connection]) -> None:
    def rows(low: int | None, high: int | None) -> str:
        return f"SELECT n, md5(n::text) FROM generate_series({low or 0}::int, {high or 10000}) n"

    backends = [connection.get_server_pid() for connection in connections]
    for number in range(200):
        walk = Walk([Span(0, 10_000_000, rows)], 4_000_000_000)
        async with parallel(connections, walk, str, texts(2), ordered=True) as source:
            if number % 4:
                await anext(aiter(source))
            await asyncio.sleep(number / 40_000)
        assert [await one.fetchval("SELECT pg_backend_pid()") for one in connections] == backends


@pytest.mark.usefixtures("complaints")
async def test_before_the_server_has_a_row(connections: list[Connection]) -> None:
    for number in range(3):
        async with copy(connections[0], "SELECT pg_sleep(60)", texts(1)):
            await asyncio.sleep(number / 100)
        assert await connections[0].fetchval("SELECT 1") == 1


@pytest.mark.usefixtures("complaints")
async def test_a_request_to_cancel_that_the_server_gets_before_the_statement_is_sent_again(
    connections: list[Connection], monkeypatch: pytest.MonkeyPatch
) -> None:
    connection: Any = connections[0]
    driver: Any = asyncpg.Connection
    asked: list[Any] = []
    cancel = driver._cancel

    async def once_in_vain(self: Any, waiter: Any) -> None:
        asked.append(waiter)
        if len(asked) > 1:
            await cancel(self, waiter)

    monkeypatch.setattr(driver, "_cancel", once_in_vain)
    async with copy(connection, "SELECT pg_sleep(60)", texts(1)):
        await asyncio.sleep(0.01)
    assert len(asked) == 2
    assert await connection.fetchval("SELECT 1") == 1
