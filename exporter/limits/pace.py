"""How fast a client takes its export."""

import asyncio
from collections.abc import Awaitable, Iterator

from exporter.limits.exceeded import Unread

_WINDOW_SECONDS = 30.0
"""How long the service must have waited for the client before its throughput is judged, and judged anew."""


class Pace:
    """Sends chunks for as long as the client takes them. Only waiting for the client counts, never for the rows."""

    def __init__(self, *, stall: float = 0, slowest: float = 0, deadline: float | None = None) -> None:
        """Take the seconds that a chunk may wait, the least bytes a second (0: any), and the loop's time to end by."""
        self.stall = stall
        """Seconds; 0 means that a chunk may wait for ever."""
        self._slowest = slowest
        self._deadline = deadline
        self._waited = 0.0
        self._sent = 0

    async def send(self, size: int, sending: Awaitable[None]) -> None:
        """Send a chunk of so many bytes.

        Raises:
            Unread: it was not taken in time.
        """
        loop = asyncio.get_running_loop()
        begun = loop.time()
        self._sent += size
        patience, reason = min(self._patience(begun), default=(None, ""))
        limit = asyncio.timeout(patience)
        try:
            async with limit:
                await sending
        except TimeoutError:
            if limit.expired():
                raise Unread(reason) from None
            raise
        self._waited += loop.time() - begun
        if self._waited >= _WINDOW_SECONDS:
            self._waited, self._sent = 0.0, 0

    def _patience(self, now: float) -> Iterator[tuple[float, str]]:
        """Yield how long the chunk may wait at most, and what it means when it has."""
        if self.stall:
            yield self.stall, f"stalled: the client took nothing for {self.stall:g} s (stall_timeout)"
        if self._slowest:
            # All that was sent might have been taken at the end of this time, and would still have been too slow.
            enough = max(_WINDOW_SECONDS, self._sent / self._slowest)
            yield enough - self._waited, f"slow: less than {self._slowest:g} bytes a second (min_bytes_per_second)"
        if self._deadline is not None:
            yield self._deadline - now, "the client did not take all of it in time (max_seconds)"
