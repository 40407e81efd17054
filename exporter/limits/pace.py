"""How fast clients take their exports."""

import asyncio
from collections.abc import Awaitable, Iterator

from exporter.limits.exceeded import Unread

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

    def __init__(self, paces: Paces, deadline: float | None = None) -> None:
        """Take the event loop's time by which it must have everything."""
        self.paces = paces
        self._deadline = deadline
        self._loop = asyncio.get_running_loop()
        self._task: asyncio.Task[object] | None = None
        self._begun = 0.0
        self._waited = 0.0
        self._sent = 0
        self._reason: str | None = None

    async def send(self, size: int, sending: Awaitable[None]) -> None:
        """Send a chunk of so many bytes.

        Raises:
            Unread: it was not taken in time.
        """
        self._sent += size
        self._begun = begun = self._loop.time()
        self._task = asyncio.current_task()
        self.paces.begin(self)
        try:
            await sending
        except asyncio.CancelledError:
            # As asyncio.timeout does: another cancellation, of one who left, goes first.
            if self._reason is not None and self._task is not None and not self._task.uncancel():
                raise Unread(self._reason) from None
            raise
        finally:
            self.paces.end(self)
        self._waited += self._loop.time() - begun
        if self._waited >= _WINDOW_SECONDS:
            self._waited, self._sent = 0.0, 0

    def check(self) -> None:
        """Give up the chunk that has waited too long."""
        until, reason = min(self._ends(), default=(float("inf"), ""))
        if until <= self._loop.time() and self._reason is None and self._task is not None:
            self._reason = reason
            self._task.cancel()

    def _ends(self) -> Iterator[tuple[float, str]]:
        """Yield until when the chunk may wait, and what it means when it does."""
        stall, slowest = self.paces.stall, self.paces.slowest
        if stall:
            yield self._begun + stall, f"stalled: the client took nothing for {stall:g} s (stall_timeout)"
        if slowest:
            # All that was sent might have been taken at the end of this time, and would still have been too slow.
            enough = max(_WINDOW_SECONDS, self._sent / slowest) - self._waited
            yield self._begun + enough, f"slow: less than {slowest:g} bytes a second (min_bytes_per_second)"
        if self._deadline is not None:
            yield self._deadline, "the client did not take all of it in time (max_seconds)"
