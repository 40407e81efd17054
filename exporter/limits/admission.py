"""Which exports may run at once, and who is next."""

import asyncio
from collections import Counter, deque
from collections.abc import AsyncIterator, Iterable, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from itertools import islice

from exporter.problems import Problem, ProblemType

_SOON = 5
"""Seconds after which to try again."""
_OWN_PATIENCE = 12
"""How many times as long somebody waits whom only a limit of their own holds back: for an export of their own to end.
Programs that pull many datasets at once take an error for the end of all."""


@dataclass(slots=True, eq=False)
class Place:
    """A place that an export has, or waits for."""

    principal: str
    """Who is counted as one; see `exporter.limits.limits.caller`."""
    dataset: str
    dataset_limit: int = 0
    """How many there are of the dataset; 0 means any number."""
    called: asyncio.Future[bool] = field(init=False)
    """Of one who waits. True: it has its place; False: it was turned away."""


class Admission:
    """Places for the exports of one worker, and a bounded line of those who wait for one.

    A free place goes to the principals in turn, and within one to whoever came first among those that neither their
    principal's limit nor their dataset's holds back.
    """

    def __init__(self, places: int, *, per_principal: int, most_waiting: int, patience: float) -> None:
        """Take the number of places, of one principal's (0: any number), of waiters, and the seconds they may wait."""
        self.running = 0
        """How many places are taken."""
        self._places = places
        self._per_principal = per_principal
        self._most_waiting = most_waiting
        self._patience = patience
        self._principals: Counter[str] = Counter()
        self._datasets: Counter[str] = Counter()
        self._line: dict[str, deque[Place]] = {}
        """Who waits, by principal; the one whose turn is next comes first. None of them is empty."""
        self._leaving: set[Place] = set()
        """Places that will come free soon."""

    @property
    def waiting(self) -> int:
        """How many wait for a place."""
        return sum(map(len, self._line.values()))

    @asynccontextmanager
    async def holding(self, place: Place) -> AsyncIterator[None]:
        """Hold a place. Raises what `enter` does."""
        await self.enter(place)
        try:
            yield
        finally:
            self.leave(place)

    async def enter(self, place: Place) -> None:
        """Take a place, to be given back by `leave`.

        Raises:
            Problem: there was none in time, or no room to wait for one.
        """
        if self._is_free(place):
            self._take(place)
        else:
            await self._wait(place)

    def displaced(self, stalled: Iterable[Place], connections: int = 0) -> Iterator[Place]:
        """Yield which of the places have to come free for those who wait, each once, and call these next.

        Of `stalled`, who stalled longest comes first; those of a principal that has more places go before. Besides
        those in the line, so many exports that have a place wait for a connection. Whom only a limit of their own holds
        back does not count.
        """
        left = [place for place in stalled if place not in self._leaving]
        coming = len(self._leaving)
        free, wanted = self._places - self.running + coming, Counter[str]()
        for _ in range(min(connections - coming, len(left))):
            yield self._last(left, left)
        for waiter in self._held_back_by_others():
            wanted[waiter.dataset] += 1
            full = self._is_dataset_full(waiter, wanted[waiter.dataset])
            if free > 0 and not full:
                free -= 1
            elif fitting := [place for place in left if place.dataset == waiter.dataset or not full]:
                self._line = {waiter.principal: self._line.pop(waiter.principal), **self._line}
                yield self._last(fitting, left)

    def _last(self, fitting: list[Place], left: list[Place]) -> Place:
        last = max(fitting, key=self._others_of)
        left.remove(last)
        self._leaving.add(last)
        return last

    def _held_back_by_others(self) -> list[Place]:
        return [waiter for line in self._line.values() for waiter in islice(line, self._most_more(line[0].principal))]

    def _most_more(self, principal: str) -> int | None:
        """Return how many more places a principal may have; None means any number."""
        return max(0, self._per_principal - self._principals[principal]) if self._per_principal else None

    def _others_of(self, place: Place) -> int:
        """Return how many places a place's principal has that stay."""
        return self._principals[place.principal] - sum(one.principal == place.principal for one in self._leaving)

    async def _wait(self, waiter: Place) -> None:
        waiter.called = asyncio.get_running_loop().create_future()
        self._join(waiter)
        try:
            own = self._has_all_its_own(waiter.principal)
            async with asyncio.timeout(self._patience * (_OWN_PATIENCE if own else 1)):
                admitted = await waiter.called
        except BaseException as error:
            self._give_up(waiter)
            if isinstance(error, TimeoutError):
                raise self._refusal(waiter) from None
            raise
        if not admitted:
            raise self._refusal(waiter)

    def _join(self, waiter: Place) -> None:
        if self.waiting >= self._most_waiting:
            self._make_room(waiter)
        self._line.setdefault(waiter.principal, deque()).append(waiter)

    def _make_room(self, waiter: Place) -> None:
        """Turn away the last of the principal that waits most, so that nobody can fill the line alone."""
        longest = max(self._line.values(), key=len, default=deque[Place]())
        if len(longest) <= len(self._line.get(waiter.principal, ())) + 1:
            raise self._refusal(waiter)
        last = longest[-1]
        self._remove(last)
        if not last.called.done():
            last.called.set_result(False)

    def _give_up(self, waiter: Place) -> None:
        if waiter.called.done() and not waiter.called.cancelled():
            # It was called, or turned away, in the very moment in which it stopped waiting.
            if waiter.called.result():
                self.leave(waiter)
        else:
            self._remove(waiter)

    def _is_free(self, place: Place) -> bool:
        return (
            self.running < self._places
            and not self._has_all_its_own(place.principal)
            and not 0 < place.dataset_limit <= self._datasets[place.dataset]
        )

    def _is_dataset_full(self, place: Place, more: int = 1) -> bool:
        """Return whether so many more than will stay are too many of a place's dataset."""
        stay = self._datasets[place.dataset] - sum(one.dataset == place.dataset for one in self._leaving)
        return 0 < place.dataset_limit < stay + more

    def _has_all_its_own(self, principal: str) -> bool:
        return 0 < self._per_principal <= self._principals[principal]

    def _take(self, place: Place) -> None:
        self.running += 1
        self._principals[place.principal] += 1
        self._datasets[place.dataset] += 1

    def leave(self, place: Place) -> None:
        """Give a place back; whoever may run now is called: several, if what is free held back some each."""
        self.running -= 1
        self._leaving.discard(place)
        for counts, name in ((self._principals, place.principal), (self._datasets, place.dataset)):
            counts[name] -= 1
            if not counts[name]:
                del counts[name]
        while self._line and (waiter := self._next()) is not None:
            self._remove(waiter)
            if waiter.principal in self._line:
                self._line[waiter.principal] = self._line.pop(waiter.principal)
            self._take(waiter)
            waiter.called.set_result(True)

    def _next(self) -> Place | None:
        waiters = (waiter for line in self._line.values() for waiter in line)
        # One that was cancelled is in the line until its task runs again.
        return next((waiter for waiter in waiters if not waiter.called.done() and self._is_free(waiter)), None)

    def _remove(self, waiter: Place) -> None:
        line = self._line.get(waiter.principal, deque())
        if waiter in line:
            line.remove(waiter)
        if not line:
            self._line.pop(waiter.principal, None)

    def _refusal(self, waiter: Place) -> Problem:
        if self._has_all_its_own(waiter.principal):
            detail = "Wait for one of your exports to finish, then try again."
            return Problem(ProblemType.TOO_MANY_OWN_EXPORTS, detail, retry_after=_SOON)
        return Problem(
            ProblemType.TOO_MANY_EXPORTS, "Too many exports are running. Try again shortly.", retry_after=_SOON
        )
