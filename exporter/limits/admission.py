"""Which exports may run at once, and which is next."""

import asyncio
from collections import Counter, deque
from collections.abc import AsyncIterator, Iterable, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from itertools import islice

from exporter.problems import SHORTLY, Problem, ProblemType

_OWN_PATIENCE = 12
"""How many times longer an export waits if only its principal's own limit delays it: until one of its own exports ends.
Programs that pull many datasets at once would give up after an error."""


@dataclass(slots=True, eq=False)
class Place:
    """A place that an export holds or waits for."""

    principal: str
    """What counts as one principal; see `exporter.web.places.place_of`."""
    dataset: str
    dataset_limit: int = 0
    """The most places for the dataset; 0 means no limit."""
    called: asyncio.Future[bool] = field(init=False)
    """While it waits: True once it has its place, False once it was refused."""


class Admission:
    """Places for the exports of one worker, and a bounded queue of exports that wait for one.

    A free place goes to the principals in turn. For each principal, it goes to the export that has waited longest and
    that neither its principal's nor its dataset's limit delays.
    """

    def __init__(self, places: int, *, per_principal: int, most_waiting: int, patience: float) -> None:
        """Take the places in all and per principal (0: no limit), the most waiters, and the seconds they may wait."""
        self.running = 0
        """How many places are taken."""
        self._places = places
        self._per_principal = per_principal
        self._most_waiting = most_waiting
        self._patience = patience
        self._principals: Counter[str] = Counter()
        self._datasets: Counter[str] = Counter()
        self._line: dict[str, deque[Place]] = {}
        """Waiting exports by principal; the principal whose turn is next comes first. No queue is empty."""
        self._leaving: set[Place] = set()
        """Places that will be free soon."""

    @property
    def waiting(self) -> int:
        """How many exports wait for a place."""
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
        """Acquire a place; `leave` releases it.

        Raises:
            Problem: no place became free in time, or the queue is full.
        """
        if self._is_free(place):
            self._take(place)
        else:
            await self._wait(place)

    def displaced(self, stalled: Iterable[Place], connections: int = 0) -> Iterator[Place]:
        """Yield the stalled places to free for waiting exports, each once, and put those exports next in turn.

        `stalled` has the place that stalled longest first; places of a principal with more places are yielded earlier.
        `connections` is how many exports that hold a place wait for a connection. Exports delayed only by their own
        principal's limit do not count as waiting.
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
        """Return how many places the place's principal will keep."""
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
        """Refuse the last export of the principal with the most waiting, so that nobody can fill the queue alone."""
        longest = max(self._line.values(), key=len, default=deque[Place]())
        if len(longest) <= len(self._line.get(waiter.principal, ())) + 1:
            raise self._refusal(waiter)
        last = longest[-1]
        self._remove(last)
        if not last.called.done():
            last.called.set_result(False)

    def _give_up(self, waiter: Place) -> None:
        if waiter.called.done() and not waiter.called.cancelled():
            # It was admitted or refused at the very moment when it stopped waiting.
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
        """Return whether `more` places in addition to those that stay exceed the limit of the place's dataset."""
        stay = self._datasets[place.dataset] - sum(one.dataset == place.dataset for one in self._leaving)
        return 0 < place.dataset_limit < stay + more

    def _has_all_its_own(self, principal: str) -> bool:
        return 0 < self._per_principal <= self._principals[principal]

    def _take(self, place: Place) -> None:
        self.running += 1
        self._principals[place.principal] += 1
        self._datasets[place.dataset] += 1

    def leave(self, place: Place) -> None:
        """Release a place and admit every waiting export that may run now; there may be several."""
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
        # A cancelled waiter stays in the queue until its task runs again.
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
            return Problem(ProblemType.TOO_MANY_OWN_EXPORTS, detail, retry_after=SHORTLY)
        return Problem(
            ProblemType.TOO_MANY_EXPORTS, "Too many exports are running. Try again shortly.", retry_after=SHORTLY
        )
