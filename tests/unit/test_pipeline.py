"""The pipeline keeps order, is bounded, and leaves nothing running."""

import asyncio
import threading
import time
from collections.abc import AsyncIterator, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import aclosing

import pytest

from exporter.exports.pipeline import in_place, pipeline

pytestmark = pytest.mark.anyio


@pytest.fixture
def threads() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(4) as executor:
        yield executor


async def _count(to: int, seen: list[int] | None = None) -> AsyncIterator[int]:
    for number in range(to):
        if seen is not None:
            seen.append(number)
        yield number


async def test_chunks_come_in_the_order_of_the_blocks_however_long_each_takes(threads: ThreadPoolExecutor) -> None:
    def prepare(number: int) -> int:
        time.sleep(0.02 if number % 2 == 0 else 0)
        return number

    written = [chunk async for chunk in pipeline(_count(20), prepare, lambda number: b"%d " % number, threads)]
    assert b"".join(written) == b" ".join(b"%d" % number for number in range(20)) + b" "


async def test_without_threads_the_work_is_done_in_place() -> None:
    def prepare(number: int) -> tuple[bytes, int]:
        return b"%d" % number, threading.get_ident()

    def write(prepared: tuple[bytes, int]) -> bytes:
        chunk, thread = prepared
        assert thread == threading.get_ident()
        return chunk

    written = [chunk async for chunk in in_place(_count(3), prepare, write)]
    assert (written, threading.get_ident()) == ([b"0", b"1", b"2"], threading.main_thread().ident)


async def test_several_blocks_are_prepared_at_once(threads: ThreadPoolExecutor) -> None:
    barrier = threading.Barrier(2, timeout=10)

    def prepare(number: int) -> bytes:
        barrier.wait()
        return b""

    assert len([chunk async for chunk in pipeline(_count(4), prepare, bytes, threads)]) == 4


async def test_a_reader_that_stops_stops_the_source(threads: ThreadPoolExecutor) -> None:
    seen: list[int] = []
    async with aclosing(pipeline(_count(1000, seen), bytes, bytes, threads)) as chunks:
        await anext(chunks)
        await asyncio.sleep(0.2)
        assert len(seen) <= 5


async def test_a_failure_comes_after_the_blocks_before_it(threads: ThreadPoolExecutor) -> None:
    def prepare(number: int) -> bytes:
        if number == 3:
            raise ZeroDivisionError
        return b"%d" % number

    written = []
    with pytest.raises(ZeroDivisionError):
        async with aclosing(pipeline(_count(10), prepare, bytes, threads)) as chunks:
            async for chunk in chunks:
                written += [chunk]
    assert written == [b"0", b"1", b"2"]


async def test_a_failing_source_is_not_an_end(threads: ThreadPoolExecutor) -> None:
    async def failing() -> AsyncIterator[bytes]:
        yield b"a"
        raise ConnectionError

    chunks = pipeline(failing(), bytes, bytes, threads)
    assert await anext(chunks) == b"a"
    with pytest.raises(ConnectionError):
        await anext(chunks)


async def test_closing_waits_for_the_work_in_the_threads(threads: ThreadPoolExecutor) -> None:
    running = []

    def prepare(number: int) -> bytes:
        running.append(number)
        time.sleep(0.1)
        running.remove(number)
        return b"x"

    before = asyncio.all_tasks()
    chunks = pipeline(_count(10), prepare, bytes, threads)
    await anext(chunks)
    await chunks.aclose()
    assert running == []
    assert asyncio.all_tasks() == before
