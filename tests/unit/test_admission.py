"""Who may run, who waits, and who is next."""

import asyncio
from collections import Counter
from dataclasses import dataclass, field
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from exporter.limits.admission import Admission, Place
from exporter.problems import Problem, ProblemType

pytestmark = pytest.mark.anyio

PLACES, OWN, WAITING, OF_DATASET = 3, 2, 5, {"a": 1, "b": 0}


@dataclass(eq=False)
class Export:
    """An export that runs until it is told to end."""

    admission: Admission
    principal: str
    dataset: str = "b"
    limit: int = 0
    runs: bool = False
    ended: asyncio.Event = field(default_factory=asyncio.Event)

    def __post_init__(self) -> None:
        self.task = asyncio.create_task(self._run())

    async def _run(self) -> None:
        place = Place(self.principal, self.dataset, self.limit)
        await self.admission.enter(place)
        self.runs = True
        try:
            await self.ended.wait()
        finally:
            self.runs = False
            self.admission.leave(place)

    @property
    def refusal(self) -> ProblemType:
        error = self.task.exception()
        assert isinstance(error, Problem)
        return error.type


def admission(
    places: int = PLACES, per_principal: int = OWN, most_waiting: int = WAITING, patience: float = 60.0
) -> Admission:
    return Admission(places, per_principal=per_principal, most_waiting=most_waiting, patience=patience)


async def settle() -> None:
    for _ in range(6):
        await asyncio.sleep(0)


def check_limits(tested: Admission, exports: list[Export]) -> None:
    running = [export for export in exports if export.runs]
    assert len(running) <= PLACES
    assert max(Counter(export.principal for export in running).values(), default=0) <= OWN
    datasets = Counter(export.dataset for export in running)
    assert all(not OF_DATASET[name] or count <= OF_DATASET[name] for name, count in datasets.items())
    assert tested.waiting <= WAITING


def check_nobody_waits_in_vain(tested: Admission, exports: list[Export]) -> None:
    """Of those who wait none could run."""
    running = [export for export in exports if export.runs]
    assert tested.running == len(running)
    for export in exports:
        if not export.runs and not export.task.done():
            own = sum(other.principal == export.principal for other in running)
            same = sum(other.dataset == export.dataset for other in running)
            assert len(running) == PLACES or own == OWN or 0 < export.limit <= same


arrivals = st.tuples(st.just("arrive"), st.sampled_from("xyz"), st.sampled_from("ab"))
others = st.tuples(st.sampled_from(["end", "cancel", "both"]), st.integers(0, 30), st.integers(0, 3))


@settings(max_examples=3 * settings().max_examples)
@given(st.lists(st.one_of(arrivals, arrivals, others), max_size=40))
def test_any_coming_and_going_keeps_to_the_limits_and_leaves_nothing_behind(events: list[Any]) -> None:
    asyncio.run(_come_and_go(events))


async def _come_and_go(events: list[Any]) -> None:
    tested, exports = admission(), []
    for kind, what, detail in events:
        if kind == "arrive":
            exports.append(Export(tested, what, detail, OF_DATASET[detail]))
            await settle()
        elif exports:
            await _go(kind, exports[what % len(exports)], exports[(what + detail) % len(exports)], detail)
        check_limits(tested, exports)
        await settle()
        check_nobody_waits_in_vain(tested, exports)
    await _finished(exports)
    assert (tested.running, tested.waiting) == (0, 0)
    assert not tested._principals
    assert not tested._datasets
    assert not tested._line


async def _go(kind: str, first: Export, second: Export, turns: int) -> None:
    """End one and cancel another, in the same turn of the loop or some apart: that is where a place could get lost."""
    if kind != "cancel":
        first.ended.set()
    for _ in range(turns):
        await asyncio.sleep(0)
    if kind != "end":
        second.task.cancel()


async def _finished(exports: list[Export]) -> list[str]:
    """End the exports as they come to run; return the principals in that order."""
    order, seen = [], set()
    while any(not export.task.done() for export in exports):
        await settle()
        new = [export for export in exports if export not in seen]
        assert not new or any(export.runs or export.task.done() for export in new), "somebody starves"
        running = [export for export in exports if export.runs and export not in seen]
        order += [export.principal for export in running]
        seen.update(running)
        for export in running:
            export.ended.set()
    return order


async def test_principals_take_turns() -> None:
    tested = admission(1, per_principal=0, most_waiting=20)
    exports = [Export(tested, principal) for principal in "aaaabbcd"]
    assert "".join(await _finished(exports)) == "aabcdaba"
    assert tested.running == 0


async def test_who_is_held_back_by_a_limit_of_their_own_holds_up_nobody() -> None:
    tested = admission()
    exports = [Export(tested, principal) for principal in "aaaab"]
    await settle()
    assert [export.runs for export in exports] == [True, True, False, False, True]
    for export in exports:
        export.task.cancel()
    await settle()


async def test_an_export_of_a_dataset_that_is_full_holds_up_no_other_of_its_principal() -> None:
    tested = admission(per_principal=0)
    exports = [Export(tested, "a", name, OF_DATASET[name]) for name in "aab"]
    await settle()
    assert [export.runs for export in exports] == [True, False, True]
    for export in exports:
        export.task.cancel()
    await settle()


async def test_who_waits_too_long_is_told_whose_limit_it_is() -> None:
    tested = admission(2, per_principal=1, patience=0.01)
    running = [Export(tested, principal) for principal in "ab"]
    late = [Export(tested, principal) for principal in "ac"]
    await asyncio.wait([export.task for export in late])
    assert [export.refusal for export in late] == [ProblemType.TOO_MANY_OWN_EXPORTS, ProblemType.TOO_MANY_EXPORTS]
    refusals = [export.task.exception() for export in late]
    assert all(isinstance(refusal, Problem) and refusal.retry_after for refusal in refusals)
    assert (tested.running, tested.waiting) == (2, 0)
    for export in running:
        export.task.cancel()
    await settle()


async def test_nobody_waits_in_a_line_that_is_full() -> None:
    tested = admission(1, most_waiting=0)
    first, second = Export(tested, "a"), Export(tested, "b")
    await settle()
    assert first.runs
    assert second.refusal is ProblemType.TOO_MANY_EXPORTS
    first.task.cancel()
    await settle()


async def test_nobody_fills_the_line_alone() -> None:
    tested = admission(1, per_principal=0, most_waiting=3)
    many = [Export(tested, "a") for _ in range(5)]
    await settle()
    assert [export.task.done() for export in many] == [False, False, False, False, True]
    other = Export(tested, "b")
    await settle()
    assert not other.task.done()
    assert many[3].refusal is ProblemType.TOO_MANY_EXPORTS
    assert await _finished([*many[:3], other]) == ["a", "a", "b", "a"]


async def test_a_place_that_comes_free_for_one_who_leaves_is_not_lost() -> None:
    tested = admission(1)
    place = Place("a", "b")
    await tested.enter(place)
    waiting = [Export(tested, principal) for principal in "bc"]
    await settle()
    tested.leave(place)
    waiting[0].task.cancel()
    await settle()
    assert waiting[1].runs
    waiting[1].task.cancel()
    await settle()
    assert (tested.running, tested.waiting) == (0, 0)


async def test_who_leaves_the_line_is_out_of_it_at_once() -> None:
    tested = admission(1, per_principal=0)
    first, second = Export(tested, "a"), Export(tested, "b")
    await settle()
    assert tested.waiting == 1
    second.task.cancel()
    await settle()
    assert tested.waiting == 0
    first.task.cancel()
    await settle()
    assert tested.running == 0


async def test_who_is_held_back_by_a_limit_of_their_own_waits_longer() -> None:
    """Programs that pull many datasets at once take an error for the end of all."""
    tested = admission(3, per_principal=1, patience=0.01)
    first, second, other = (Export(tested, principal) for principal in "aab")
    await asyncio.sleep(0.05)
    assert not second.task.done()
    first.ended.set()
    await settle()
    assert second.runs
    await _finished([second, other])


async def with_running(tested: Admission, principals: str, dataset: str = "b") -> list[Place]:
    places = [Place(principal, dataset, OF_DATASET[dataset]) for principal in principals]
    for place in places:
        await tested.enter(place)
    return places


def gave_way(tested: Admission, stalled: list[Place], connections: int = 0) -> str:
    return "".join(place.principal for place in tested.displaced(stalled, connections))


async def test_with_nobody_waiting_nobody_gives_way() -> None:
    tested = admission(4, per_principal=2)
    assert gave_way(tested, await with_running(tested, "aabb")) == ""
    assert gave_way(tested, await with_running(admission(), "aab")) == ""


async def test_as_many_give_way_as_wait_and_those_of_who_has_most_first() -> None:
    tested = admission(6, per_principal=0)
    places = await with_running(tested, "baacaa")
    waiting = [Export(tested, "d") for _ in range(3)]
    await settle()
    assert gave_way(tested, places) == "aaa"
    assert gave_way(tested, places) == ""  # their places are about to come free
    tested.leave(places[1])
    await settle()
    assert waiting[0].runs
    assert gave_way(tested, places) == ""
    later = Export(tested, "e")
    await settle()
    assert gave_way(tested, places) == "b"  # by now all have one that stays, and it has stalled longest
    for export in (*waiting, later):
        export.task.cancel()
    await settle()


async def test_for_whom_only_a_limit_of_their_own_holds_back_nobody_gives_way() -> None:
    tested = admission(4, per_principal=2)
    places = await with_running(tested, "aabb")
    waiting = [Export(tested, "a"), *(Export(tested, "c") for _ in range(3))]
    await settle()
    assert len(gave_way(tested, places)) == 2  # c may have no more
    for place in places[:2]:
        tested.leave(place)
    await settle()
    assert [export.runs for export in waiting] == [True, True, False, False]  # then it is a's turn
    for export in waiting:
        export.task.cancel()
    await settle()


async def test_only_one_of_the_same_dataset_makes_room_for_one_that_is_full() -> None:
    tested = admission(3, per_principal=0)
    others = await with_running(tested, "aa")
    (same,) = await with_running(tested, "b", "a")
    waiting = [Export(tested, "c", "a", 1) for _ in range(2)]
    await settle()
    assert gave_way(tested, others) == ""
    assert gave_way(tested, [*others, same]) == "b"
    assert gave_way(tested, [*others, same]) == ""
    for export in waiting:
        export.task.cancel()
    await settle()


async def test_somebody_gives_way_for_who_waits_for_a_connection() -> None:
    tested = admission(4, per_principal=0)
    places = await with_running(tested, "ab")
    assert gave_way(tested, places, connections=1) == "a"
    assert gave_way(tested, places, connections=1) == ""
    assert gave_way(tested, places, connections=3) == "b"
