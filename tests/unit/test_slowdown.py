"""Failed attempts cost their address time, and nothing else of the service."""

import asyncio

import pytest

from exporter.access import slowdown
from exporter.access.slowdown import Slowdown
from exporter.http.problems import STATUS
from exporter.problems import Problem

pytestmark = pytest.mark.anyio


class Time:
    """A clock that stands, and a sleep that only notes for how long."""

    def __init__(self) -> None:
        self.now = 1000.0
        self.slept: list[float] = []

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)

    def slowdown(self) -> Slowdown:
        return Slowdown(lambda: self.now, self.sleep)


async def test_each_failure_doubles_the_delay_up_to_a_few_seconds() -> None:
    time = Time()
    slow = time.slowdown()
    for _ in range(2000):
        await slow.failed("192.0.2.1")
    assert time.slept[:7] == [0.125, 0.25, 0.5, 1, 2, 4, 4]
    assert time.slept[-1] == 4


async def test_failures_are_forgotten_with_time() -> None:
    time = Time()
    slow = time.slowdown()
    for _ in range(5):
        await slow.failed("192.0.2.1")
    time.now += 3600
    await slow.failed("192.0.2.1")
    assert time.slept[-1] == pytest.approx(0.125)


async def test_addresses_are_counted_apart_and_ipv6_by_network() -> None:
    time = Time()
    slow = time.slowdown()
    for address in ("192.0.2.1", "192.0.2.2", "2001:db8::1", "2001:db8::2", "2001:db8:0:1::1"):
        await slow.failed(address)
    assert time.slept == [0.125, 0.125, 0.125, 0.25, 0.125]


async def test_memory_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(slowdown, "_MOST_ADDRESSES", 3)
    time = Time()
    slow = time.slowdown()
    for i in (1, 2, 1, 3, 4):
        await slow.failed(f"192.0.2.{i}")
    assert list(slow._failures) == ["192.0.2.1", "192.0.2.3", "192.0.2.4"]


async def test_answers_that_wait_are_bounded_and_give_their_place_back(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(slowdown, "_MOST_DELAYED", 2)
    over = asyncio.Event()

    async def sleep(_: float) -> None:
        await over.wait()

    slow = Slowdown(sleep=sleep)
    waiting = [asyncio.create_task(slow.failed("192.0.2.1")) for _ in range(2)]
    await asyncio.sleep(0)
    with pytest.raises(Problem) as refused:
        await slow.failed("192.0.2.9")
    assert STATUS[refused.value.type] == 429
    assert (refused.value.retry_after or 0) > 0
    waiting[0].cancel()
    await asyncio.wait(waiting[:1])
    third = asyncio.create_task(slow.failed("192.0.2.9"))
    await asyncio.sleep(0)
    assert not third.done()
    over.set()
    await asyncio.gather(waiting[1], third)
    assert slow._delayed == 0
