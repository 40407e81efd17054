"""The hand-over from COPY to its reader, without a server."""

import asyncio
from typing import cast

import pytest

import queries.blocks
from queries.blocks import CopySource, joined
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


async def test_blocks_grow_while_the_reader_keeps_up_and_shrink_when_it_lets_the_server_wait(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """What a client that stalls holds is a few blocks."""
    monkeypatch.setattr(queries.blocks, "_SLOW_SECONDS", 0.05)
    source = CopySource()
    blocks = aiter(source)
    sizes = []

    async def fill() -> None:
        while True:
            await source.write(bytes(1 << 16))

    writer = asyncio.create_task(fill())
    for number in range(45):
        await asyncio.sleep(0.1 if number == 35 else 0)
        sizes.append(len(joined(await anext(blocks))))
    writer.cancel()
    await asyncio.wait([writer])
    assert sizes[0] < BLOCK_BYTES // 4
    assert sizes[:35] == sorted(sizes[:35])
    assert sizes[34] == BLOCK_BYTES
    assert sizes[36] == sizes[0]


@pytest.mark.parametrize("sizes", [[10], [10, 20], [1 << 20]])
async def test_blocks_are_bytes_whatever_the_driver_hands_over(sizes: list[int]) -> None:
    """Other servers than ours refuse a bytearray."""
    source = CopySource()
    writing = asyncio.gather(*(source.write(cast("bytes", bytearray(size))) for size in sizes))
    await asyncio.sleep(0)
    source.end(0, None)
    assert [type(joined(block)) async for block in source] == [bytes]
    writing.cancel()
