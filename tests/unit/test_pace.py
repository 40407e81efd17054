"""Sending to clients that take little or nothing."""

import asyncio
from typing import Any

import pytest

from exporter.limits import pace
from exporter.limits.pace import Pace, Paces
from exporter.limits.slow_clients import SlowClient

pytestmark = pytest.mark.anyio


NEVER = 1000


@pytest.fixture(autouse=True)
def short(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pace, "_TICK_SECONDS", 0.005)
    monkeypatch.setattr(pace, "_WINDOW_SECONDS", 0.05)


async def send(watched: Pace, *chunks: tuple[Any, ...]) -> None:
    """Send chunks, each a size and the seconds until it is taken, to the end of all."""

    async def sending() -> None:
        for size, seconds in chunks:
            await watched.send(size, asyncio.sleep(seconds))

    await sending()


async def test_a_chunk_that_nobody_takes_is_given_up() -> None:
    with pytest.raises(SlowClient, match="stall_timeout"):
        await send(Pace(Paces(0.01)), (1, 0), (1, NEVER))


async def test_what_is_not_taken_in_time_is_given_up() -> None:
    deadline = asyncio.get_running_loop().time() + 0.01
    with pytest.raises(SlowClient, match="max_seconds"):
        await send(Pace(Paces(60, 1), deadline), (1, NEVER))


async def test_without_limits_a_chunk_waits_for_ever() -> None:
    sending = asyncio.create_task(send(Pace(Paces()), (1, NEVER)))
    done, _ = await asyncio.wait([sending], timeout=0.05)
    assert not done
    sending.cancel()


async def test_a_client_that_takes_too_little_is_given_up() -> None:
    with pytest.raises(SlowClient, match="min_bytes_per_second"):
        await send(Pace(Paces(slowest=1_000_000)), *((10, 0.01) for _ in range(1000)))


async def test_what_a_client_took_long_ago_does_not_count() -> None:
    with pytest.raises(SlowClient, match="min_bytes_per_second"):
        # Without the end of the first window it might take another hour and a half.
        await send(Pace(Paces(slowest=1_000_000)), (6_000_000_000, 0.06), (1, NEVER))


async def test_time_without_anything_to_send_does_not_count(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pace, "_WINDOW_SECONDS", 0.05)
    watched = Pace(Paces(0.05, 1_000_000))

    async def sending() -> None:
        for _ in range(5):
            await asyncio.sleep(0.06)
            await watched.send(1, asyncio.sleep(0))

    await sending()


async def test_what_is_taken_as_fast_as_it_must_be_is_all_right(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pace, "_WINDOW_SECONDS", 0.02)
    await send(Pace(Paces(slowest=1000)), *((1_000_000, 0.005) for _ in range(20)))


async def test_nothing_is_left_of_the_watching() -> None:
    watched = Pace(Paces(60, 1))
    await send(watched, (1, 0))
    assert not watched.paces._waiting


async def test_who_leaves_as_they_are_given_up_has_left() -> None:
    watched = Pace(Paces(0.01))
    sending = asyncio.create_task(send(watched, (1, NEVER)))
    await asyncio.sleep(0)
    watched._begun -= 1
    watched.check()
    sending.cancel()
    await asyncio.wait([sending])
    assert sending.cancelled()


async def test_a_failure_of_sending_is_its_own() -> None:
    async def failing() -> None:
        raise TimeoutError("somebody else's")

    with pytest.raises(TimeoutError, match="somebody else's"):
        watched = Pace(Paces(60))
        await watched.send(1, failing())
