"""Sending to clients that take little or nothing."""

import asyncio

import pytest

from exporter.limits import pace
from exporter.limits.exceeded import Unread
from exporter.limits.pace import Pace

pytestmark = pytest.mark.anyio


async def taken():
    """Be taken at once."""


async def after(seconds):
    await asyncio.sleep(seconds)


async def never():
    await asyncio.Event().wait()


async def test_a_chunk_that_nobody_takes_is_given_up():
    with pytest.raises(Unread, match="stall_timeout"):
        await Pace(stall=0.01).send(1, never())


async def test_what_is_not_taken_in_time_is_given_up():
    deadline = asyncio.get_running_loop().time() + 0.01
    with pytest.raises(Unread, match="max_seconds"):
        await Pace(stall=60, slowest=1, deadline=deadline).send(1, never())


async def test_without_limits_a_chunk_waits_for_ever():
    sending = asyncio.create_task(Pace().send(1, never()))
    done, _ = await asyncio.wait([sending], timeout=0.05)
    assert not done
    sending.cancel()


async def test_a_client_that_takes_too_little_is_given_up(monkeypatch):
    monkeypatch.setattr(pace, "_WINDOW_SECONDS", 0.05)
    slow = Pace(slowest=1_000_000)
    with pytest.raises(Unread, match="min_bytes_per_second"):
        for _ in range(1000):
            await slow.send(10, after(0.01))


async def test_what_a_client_took_long_ago_does_not_count(monkeypatch):
    monkeypatch.setattr(pace, "_WINDOW_SECONDS", 0.05)
    slow = Pace(slowest=1_000_000)
    await slow.send(60_000, after(0.051))
    with pytest.raises(Unread, match="min_bytes_per_second"):
        await slow.send(1, never())


async def test_time_without_anything_to_send_does_not_count(monkeypatch):
    monkeypatch.setattr(pace, "_WINDOW_SECONDS", 0.05)
    slow = Pace(stall=60, slowest=1_000_000)
    for _ in range(5):
        await asyncio.sleep(0.03)
        await slow.send(1, taken())


async def test_what_is_taken_as_fast_as_it_must_be_is_all_right(monkeypatch):
    monkeypatch.setattr(pace, "_WINDOW_SECONDS", 0.02)
    slow = Pace(slowest=1000)
    for _ in range(20):
        await slow.send(1_000_000, after(0.005))


async def test_a_failure_of_sending_is_its_own():
    async def failing():
        raise TimeoutError("somebody else's")

    with pytest.raises(TimeoutError, match="somebody else's"):
        await Pace(stall=60).send(1, failing())
