"""How fast clients take their exports."""

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from typing import TYPE_CHECKING

from exporter.limits.slow_clients import SlowClient

if TYPE_CHECKING:
    from exporter.limits.admission import Place

_WINDOW_SECONDS = 30.0
"""How long the service must have waited for a client before its throughput is judged, and judged anew."""
_TICK_SECONDS = 0.5
"""How often those are looked at who are waited for. A timer for each chunk would cost more than all else done to it."""


class Paces:
    """The clients of one worker that are waited for, and how slow they may be."""

    def __init__(self, stall: float = 0, slowest: float = 0) -> None:
        """Take the seconds that a chunk may wait (0: for ever), and the least bytes a second (0: any)."""
        self.stall = stall
        self.slowest = slowest
        self._waiting: set[Pace] = set()
        self._ticking = False

    def begin(self, pace: "Pace") -> None:
        """Watch a client that is waited for."""
        self._waiting.add(pace)
        if not self._ticking:
            self._ticking = True
            self._later()

    def end(self, pace: "Pace") -> None:
        """Watch it no more."""
        self._waiting.discard(pace)

    def placed(self) -> "Iterator[tuple[Place, Pace]]":
        """Yield the clients that are waited for and hold a place."""
        return ((pace.place, pace) for pace in self._waiting if pace.place is not None)

    def _later(self) -> None:
        asyncio.get_running_loop().call_later(_TICK_SECONDS, self._tick)

    def _tick(self) -> None:
        if self._waiting:
            for pace in self._waiting:
                pace.check()
            self._later()
        else:
            self._ticking = False


class Pace:
    """One client that takes chunks. Only waiting for the client counts, never for the rows."""

    def __init__(self, paces: Paces, deadline: float | None = None, place: "Place | None" = None) -> None:
        """Take the event loop's time by which it must have everything, and the place that is held meanwhile."""
        self.paces = paces
        self.place = place
        self.acknowledged: Callable[[], int | None] = _unknown
        """How much the client's system has taken so far, where that is known."""
        self._deadline = deadline
        self._loop = asyncio.get_running_loop()
        self._task: asyncio.Task[object] | None = None
        self._begun = 0.0
        self._waited = 0.0
        self._sent = 0
        self._seen: int | None = None
        self._moved = 0.0
        self._error: SlowClient | None = None

    async def send(self, size: int, sending: Awaitable[None]) -> None:
        """Send a chunk of so many bytes.

        Raises:
            SlowClient: it was not taken in time.
        """
        self._sent += size
        self._begun = begun = self._loop.time()
        self._task = asyncio.current_task()
        self.paces.begin(self)
        try:
            await sending
        except asyncio.CancelledError:
            # As asyncio.timeout does: another cancellation, of one who left, goes first.
            if self._error is not None and self._task is not None and not self._task.uncancel():
                raise self._error from None
            raise
        finally:
            self.paces.end(self)
        self._waited += self._loop.time() - begun
        if self._waited >= _WINDOW_SECONDS:
            self._waited, self._sent = 0.0, 0

    def check(self) -> None:
        """Give up the chunk that has waited too long."""
        until, reason = min(self._ends(), default=(float("inf"), ""))
        if until <= self._loop.time():
            self.give_up(SlowClient(reason))

    def give_up(self, error: SlowClient) -> None:
        """Give up the chunk that is waited for; the first reason counts."""
        if self._error is None and self._task is not None:
            self._error = error
            self._task.cancel()

    def stalled(self) -> float:
        """Return for how many seconds the client has taken nothing, as far as that was seen.

        A slow one empties the kernel's buffer so late that the chunk alone would not tell: to be asked often.
        """
        now, seen = self._loop.time(), self.acknowledged()
        if seen != self._seen:
            self._seen, self._moved = seen, now
        return now - max(self._begun, self._moved)

    def _ends(self) -> Iterator[tuple[float, str]]:
        """Yield until when the chunk may wait, and what it means when it does."""
        stall, slowest = self.paces.stall, self.paces.slowest
        if stall:
            yield self._begun + stall, f"stalled: the client read nothing for {stall:g} s (stall_timeout)"
        if slowest:
            # All that was sent might have been taken at the end of this time, and would still have been too slow.
            enough = max(_WINDOW_SECONDS, self._sent / slowest) - self._waited
            yield self._begun + enough, f"slow: less than {slowest:g} bytes per second (min_bytes_per_second)"
        if self._deadline is not None:
            yield self._deadline, "the client did not read the whole export in time (max_seconds)"


def _unknown() -> None:
    return None
