"""The reader of several COPYs, without a server."""

import asyncio
from collections.abc import Callable
from contextlib import nullcontext
from types import SimpleNamespace
from typing import Any, cast

import asyncpg
import pytest

from queries.parallel import parallel
from queries.source import BLOCK_BYTES, Reading
from queries.walk import Span, Walk

pytestmark = pytest.mark.anyio


class Connection:
    """Its first part is there, its second fails, and the others run until they are cancelled, which takes long."""

    def __init__(self) -> None:
        self._cancelled = asyncio.Event()

    def is_closed(self) -> bool:
        return False

    def copying(self, rescue: Callable[..., Any]) -> Any:
        return nullcontext(SimpleNamespace(surplus=lambda status, handed: 0))

    async def copy_from_query(self, query: str, *, output: Callable[..., Any], **_: Any) -> str:
        if "part 0" in query:
            await output(b"row\n")
            return "COPY 1"
        if "part 1" in query:
            await asyncio.sleep(0.05)
            raise asyncpg.PostgresError("killed")
        await output(b"row\n")
        await self._cancelled.wait()
        raise asyncpg.PostgresError("cancelled")

    async def _cancel(self, _: Any) -> None:
        await asyncio.sleep(0.3)
        self._cancelled.set()

    def terminate(self) -> None:
        self._cancelled.set()


async def test_a_reader_that_leaves_while_a_failure_ends_the_other_copies_is_not_kept() -> None:
    walk = Walk([Span(0, 3, lambda low, _: f"part {low or 0}")], 3 * BLOCK_BYTES)
    async with asyncio.timeout(5):
        async with parallel([cast("Any", Connection()) for _ in range(2)], walk, str, Reading(()), ordered=True):
            await asyncio.sleep(0.15)
