"""Clients that take nothing while others wait."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Iterator
from typing import Any

import pytest

from exporter.limits import displacement
from exporter.limits.admission import Admission, Place
from exporter.limits.displacement import Displacement
from exporter.limits.pace import Pace, Paces
from exporter.limits.slow_clients import Displaced

pytestmark = pytest.mark.anyio

GRACE = 0.2
"""Seconds, long beside those for which a busy machine holds an event loop up."""


@pytest.fixture(autouse=True)
def short(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(displacement, "_GRACE_SECONDS", GRACE)
    monkeypatch.setattr(displacement, "_LOOK_SECONDS", 0.005)


class Running:
    """Two places: what runs on them, and what looks whether it stalls."""

    def __init__(self) -> None:
        self.admission = Admission(2, per_principal=0, most_waiting=5, patience=60)
        self.paces = Paces()
        self.connections = 0
        self.looking = asyncio.create_task(Displacement(self.admission, self.paces, lambda: self.connections).run())

    async def export(
        self, principal: str, sending: Iterable[Awaitable[Any]], acknowledged: Callable[[], int | None] | None = None
    ) -> None:
        place = Place(principal, "dataset")
        await self.admission.enter(place)
        try:
            pace = Pace(self.paces, place=place)
            pace.acknowledged = acknowledged or pace.acknowledged
            for coming in sending:
                await pace.send(1, coming)
        finally:
            self.admission.leave(place)

    def start(
        self, principal: str, sending: Iterable[Awaitable[Any]], acknowledged: Callable[[], int | None] | None = None
    ) -> asyncio.Task[None]:
        return asyncio.create_task(self.export(principal, sending, acknowledged))


@pytest.fixture
async def running() -> AsyncIterator[Running]:
    started = Running()
    yield started
    started.looking.cancel()


def never() -> Iterator[Awaitable[Any]]:
    return (asyncio.Event().wait() for _ in range(1))


async def test_who_stalls_gives_way_to_who_waits(running: Running) -> None:
    first, second = running.start("a", never()), running.start("a", never())
    await asyncio.wait([first, second], timeout=4 * GRACE)
    assert not first.done()
    assert not second.done()
    await running.export("b", ())
    await asyncio.wait([first, second], return_when=asyncio.FIRST_COMPLETED)
    with pytest.raises(Displaced, match="others were waiting"):
        await first
    assert not second.done()
    second.cancel()


async def test_who_takes_something_now_and_then_does_not(running: Running) -> None:
    """One takes chunks, the other's system acknowledges bytes, in less time than a chunk waits."""
    taken = iter(range(1_000_000))
    steady = [
        running.start("a", (asyncio.sleep(GRACE / 10) for _ in range(30))),
        running.start("a", (asyncio.sleep(3 * GRACE) for _ in range(1)), lambda: next(taken)),
    ]
    await running.export("b", ())
    for export in steady:
        await export


async def test_who_stalls_gives_way_to_who_waits_for_a_connection(running: Running) -> None:
    stalled = running.start("a", never())
    running.connections = 1
    with pytest.raises(Displaced):
        await stalled
