"""How fast clients read their responses."""

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from typing import TYPE_CHECKING

from exporter.limits.slow_clients import SlowClient

if TYPE_CHECKING:
    from exporter.limits.admission import Place

_WINDOW_SECONDS = 30.0
"""How long the service must have waited for a client before it judges the client's rate, each time."""
_TICK_SECONDS = 0.5
"""Interval for checking the clients. A timer for each chunk would cost more than everything else done for the chunk."""


class Paces:
    """The clients that one worker is waiting for, and how slow they may be."""

    def __init__(self, stall: float = 0, slowest: float = 0) -> None:
        """Take the seconds that a chunk may wait (0: forever), and the minimum bytes per second (0: any)."""
        self.stall = stall
        self.slowest = slowest
        self._waiting: set[Pace] = set()
        self._ticking = False

    def begin(self, pace: "Pace") -> None:
        """Start to watch a client."""
        self._waiting.add(pace)
        if not self._ticking:
            self._ticking = True
            self._later()

    def end(self, pace: "Pace") -> None:
        """Stop watching a client."""
        self._waiting.discard(pace)

    def placed(self) -> "Iterator[tuple[Place, Pace]]":
        """Yield the watched clients that hold a place."""
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
    """One client that reads chunks. Only the time spent waiting for the client counts, never for the rows."""

    def __init__(self, paces: Paces, deadline: float | None = None, place: "Place | None" = None) -> None:
        """Take the deadline for the whole response, in the event loop's time, and the place that it holds."""
        self.paces = paces
        self.place = place
        self.acknowledged: Callable[[], int | None] = _unknown
        """Returns how many bytes the client's system has acknowledged, if known."""
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
        """Send a chunk of `size` bytes.

        Raises:
            SlowClient: the client did not read it in time.
        """
        self._sent += size
        self._begun = begun = self._loop.time()
        self._task = asyncio.current_task()
        self.paces.begin(self)
        try:
            await sending
        except asyncio.CancelledError:
            # As in asyncio.timeout, another cancellation, such as after a disconnect, takes precedence.
            if self._error is not None and self._task is not None and not self._task.uncancel():
                raise self._error from None
            raise
        finally:
            self.paces.end(self)
        self._waited += self._loop.time() - begun
        if self._waited >= _WINDOW_SECONDS:
            self._waited, self._sent = 0.0, 0

    def check(self) -> None:
        """Abort the chunk if it has waited too long."""
        until, reason = min(self._ends(), default=(float("inf"), ""))
        if until <= self._loop.time():
            self.abort(SlowClient(reason))

    def abort(self, error: SlowClient) -> None:
        """Abort the current chunk; the first reason counts."""
        if self._error is None and self._task is not None:
            self._error = error
            self._task.cancel()

    def stalled(self) -> float:
        """Return for how many seconds the client has read nothing, as far as known.

        Call it often: a slow client frees the kernel's buffer so late that the chunk alone does not show progress.
        """
        now, seen = self._loop.time(), self.acknowledged()
        if seen != self._seen:
            self._seen, self._moved = seen, now
        return now - max(self._begun, self._moved)

    def _ends(self) -> Iterator[tuple[float, str]]:
        """Yield the deadlines of the chunk, each with the reason to give if it passes."""
        stall, slowest = self.paces.stall, self.paces.slowest
        if stall:
            yield self._begun + stall, f"stalled: the client read nothing for {stall:g} s (stall_timeout)"
        if slowest:
            # Even if the client read everything at the end of this time, it would have been too slow.
            enough = max(_WINDOW_SECONDS, self._sent / slowest) - self._waited
            yield self._begun + enough, f"slow: less than {slowest:g} bytes per second (min_bytes_per_second)"
        if self._deadline is not None:
            yield self._deadline, "the client did not read the whole export in time (max_seconds)"


def _unknown() -> None:
    return None
