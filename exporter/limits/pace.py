"""How fast a client takes its export."""

import asyncio
from collections.abc import Awaitable, Iterator

from exporter.limits.exceeded import Unread

_WINDOW_SECONDS = 30.0
"""How long the service must have waited for the client before its throughput is judged, and judged anew."""
_SOON_SECONDS = 0.01
"""How often to look, at most, when a chunk may wait no longer and there is none."""


class Pace:
    """Watches a client take chunks. Only waiting for the client counts, never for the rows.

    One timer for all chunks: one for each would cost more than all else that is done to a chunk.
    """

    def __init__(self, *, stall: float = 0, slowest: float = 0, deadline: float | None = None) -> None:
        """Take the seconds that a chunk may wait, the least bytes a second (0: any), and the loop's time to end by."""
        self.stall = stall
        """Seconds; 0 means that a chunk may wait for ever."""
        self._slowest = slowest
        self._deadline = deadline
        self._loop = asyncio.get_running_loop()
        self._limit = asyncio.timeout(None)
        self._timer: asyncio.TimerHandle | None = None
        self._begun: float | None = None
        self._waited = 0.0
        self._sent = 0
        self._reason = ""

    async def watch(self, sending: Awaitable[None]) -> None:
        """Wait for what sends all chunks, each by `send`.

        Raises:
            Unread: a chunk was not taken in time.
        """
        self._check()
        try:
            async with self._limit:
                await sending
        except TimeoutError:
            if self._limit.expired():
                raise Unread(self._reason) from None
            raise
        finally:
            if self._timer:
                self._timer.cancel()

    async def send(self, size: int, sending: Awaitable[None]) -> None:
        """Send a chunk of so many bytes."""
        self._sent += size
        self._begun = begun = self._loop.time()
        await sending
        self._begun = None
        self._waited += self._loop.time() - begun
        if self._waited >= _WINDOW_SECONDS:
            self._waited, self._sent = 0.0, 0

    def _check(self) -> None:
        """Give the chunk up that waits too long; else look again when it, or one that begins now, would."""
        now = self._loop.time()
        until, reason = min(self._ends(now if self._begun is None else self._begun), default=(None, ""))
        if until is None:
            return
        if self._begun is not None and until <= now:
            self._reason = reason
            self._limit.reschedule(now)
        else:
            self._timer = self._loop.call_at(max(until, now + _SOON_SECONDS), self._check)

    def _ends(self, begun: float) -> Iterator[tuple[float, str]]:
        """Yield until when a chunk may wait, and what it means when it does."""
        if self.stall:
            yield begun + self.stall, f"stalled: the client took nothing for {self.stall:g} s (stall_timeout)"
        if self._slowest:
            # All that was sent might have been taken at the end of this time, and would still have been too slow.
            enough = max(_WINDOW_SECONDS, self._sent / self._slowest) - self._waited
            yield begun + enough, f"slow: less than {self._slowest:g} bytes a second (min_bytes_per_second)"
        if self._deadline is not None:
            yield self._deadline, "the client did not take all of it in time (max_seconds)"
