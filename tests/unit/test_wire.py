"""What is counted of the bytes of a COPY, however a network divides them."""

import asyncio
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from queries.wire import Copying, Wire
from tests.proxy import message

NOTICE = message(b"N", b"SNOTICE\0VNOTICE\0C00000\0Msaid\0\0")
BEGIN = message(b"H", b"\0\0\3" + b"\0\0" * 3)
SETTING = message(b"S", b"TimeZone\0Europe/Berlin\0")

ROWS = [b"\n", b"1,2,3\n", b"d,c,\n", b'"c\n",N,S\n', b"x" * 300 + b"\n", b"y" * 9_000 + b"\n"]


def end(count: int) -> bytes:
    return message(b"c", b"") + message(b"C", b"COPY %d\0" % count)


class Driver:
    """Reads nothing, and is lost with the connection."""

    def __init__(self) -> None:
        self.read = bytearray()
        self.data_received = self.read.extend
        self.connection_lost = self.pause_writing = self.resume_writing = lambda *_: None


def received(pieces: list[bytes], look: Callable[[Copying], object] = lambda copying: None) -> Copying:
    driver, copying = Driver(), Copying(print)
    wire = Wire(driver, copying)
    for piece in pieces:
        wire.data_received(piece)
        look(copying)
    assert driver.read == b"".join(pieces)
    return copying


def divided(stream: bytes, size: int) -> list[bytes]:
    return [stream[start : start + size] for start in range(0, len(stream), size)]


@given(
    st.lists(st.sampled_from(ROWS)),
    st.lists(st.just(NOTICE), max_size=2),
    st.lists(st.sampled_from([NOTICE, NOTICE * 50, SETTING, SETTING * 100]), max_size=2),
    st.integers(0, 3),
    st.randoms(use_true_random=False),
)
def test_all_bytes_of_a_copy_are_accounted_for(
    values: list[bytes], before: list[bytes], behind: list[bytes], between: int, random: Any
) -> None:
    data = [message(b"d", value) for value in values]
    for _ in range(between):
        data.insert(random.randint(0, len(data)), NOTICE)
    stream = b"".join([*before, BEGIN, *data, end(len(values)), *behind, message(b"Z", b"T")])
    copying = received(divided(stream, random.choice([1, 2, 5, 100, 8192, 1 << 20])))
    copying.notices = stream.count(NOTICE) * len(NOTICE)
    handed = sum(map(len, values))
    status = f"COPY {len(values)}"
    assert copying.surplus(status, handed) == 0
    for number in range(1, 4):
        assert copying.surplus(status, handed - number) == number


@pytest.mark.parametrize("lost", [b"\n", b"1,2,3\n"])
def test_a_row_that_the_network_loses(lost: bytes) -> None:
    kept = [b"1,2,3\n"] * 10
    stream = BEGIN + b"".join(message(b"d", row) for row in kept) + end(11) + message(b"Z", b"T")
    assert received([stream]).surplus("COPY 11", sum(map(len, kept))) == -5


def test_the_end_of_a_connection_reaches_the_driver() -> None:
    async def ended() -> None:
        lost = asyncio.get_running_loop().create_future()
        driver = Driver()
        driver.connection_lost = lost.set_result
        server = await asyncio.start_server(lambda reader, writer: writer.close(), "127.0.0.1", 0)
        async with server:
            host, port = server.sockets[0].getsockname()
            transport, _ = await asyncio.get_running_loop().create_connection(asyncio.Protocol, host, port)
            transport.set_protocol(Wire(driver, Copying(print)))
            assert await lost is None

    asyncio.run(ended())


def rows_in(stream: bytes) -> Iterator[tuple[int, int]]:
    """Yield the end of each row's message, and the bytes of all rows up to it."""
    place = handed = 0
    while place < len(stream):
        end = place + 1 + int.from_bytes(stream[place + 1 : place + 5])
        if stream[place : place + 1] == b"d":
            handed += end - place - 5
            yield end, handed
        place = end


WIDE = [*ROWS, b"z" * 70_000 + b"\n", b"d\n" * 300 + b"\n", b"w" * 0x000A63F8 + b"\n"]


@given(
    st.lists(st.sampled_from(WIDE), max_size=20),
    st.sampled_from([1 << 12, 1 << 16, 1 << 18, 70_006, 70_005, 70_004, 70_003]),
    st.booleans(),
)
def test_rows_are_counted_as_they_come(values: list[bytes], size: int, ended: bool) -> None:
    stream = BEGIN + b"".join(message(b"d", value) for value in values)
    stream += end(len(values)) + message(b"Z", b"T") if ended else b""
    ends, seen = list(rows_in(stream)), 0

    def look(copying: Copying) -> None:
        nonlocal seen
        seen = min(seen + size, len(stream))
        whole = [handed for place, handed in ends if place <= seen]
        assert copying.rows(whole[-1] if whole else 0) == len(whole)

    received(divided(stream, size), look)


@pytest.mark.parametrize("size", [1 << 16, 1 << 18, (17 << 20) + 5 + 15, (17 << 20) + 7 + 15])
def test_rows_of_more_than_16_mib_are_counted(size: int) -> None:
    rows = [b"x" * (17 << 20) + b"\n", b"1\n", b"2\n", b"x" * (17 << 20) + b"\n", b"3\n"]
    stream = BEGIN + b"".join(message(b"d", row) for row in rows)
    assert received(divided(stream, size)).rows(sum(map(len, rows))) == len(rows)
