"""The hand-over from COPY to its reader, without a server."""

import asyncio

import pytest

from queries.copy import CopySource
from queries.source import BLOCK_BYTES

pytestmark = pytest.mark.anyio


async def test_a_reader_that_is_cancelled_as_its_block_fills_stops() -> None:
    """Else the export of a client that left would never end: this is the turn of the loop in which both happen."""
    source = CopySource()
    blocks = aiter(source)
    first = asyncio.create_task(source.write(b"1\n"))
    reader = asyncio.ensure_future(anext(blocks))
    await asyncio.sleep(0.01)
    assert not reader.done()
    second = asyncio.create_task(source.write(bytes(BLOCK_BYTES)))
    await asyncio.sleep(0)
    reader.cancel()
    await asyncio.wait([reader])
    assert reader.cancelled()
    second.cancel()
    await asyncio.wait([first, second])
