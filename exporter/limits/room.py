"""A budget of bytes for what is kept until clients read it."""

import asyncio
from collections import deque


class Room:
    """A number of bytes, taken in the order of asking. It may be exceeded by takers that cannot wait."""

    def __init__(self, most: int) -> None:
        """Take the number of bytes."""
        self.taken = 0
        self._most = most
        self._line: deque[tuple[int, asyncio.Future[None]]] = deque()

    @property
    def is_too_much(self) -> bool:
        """Whether more bytes are taken than there are."""
        return self.taken > self._most

    async def wait(self, size: int, seconds: float) -> None:
        """Take bytes as soon as there is room, or after `seconds` even if there is none."""
        if not self._line and self.taken + size <= self._most:
            self.taken += size
            return
        called: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        waiter = size, called
        self._line.append(waiter)
        try:
            await asyncio.wait([called], timeout=seconds)
        except asyncio.CancelledError:
            if called.done():
                self.give_back(size)
            raise
        finally:
            if waiter in self._line:
                self._line.remove(waiter)
        if not called.done():
            self.taken += size

    def take(self, size: int) -> None:
        """Take bytes, whether there is room or not."""
        self.taken += size

    def give_back(self, size: int) -> None:
        """Give bytes back, and pass them on to waiters."""
        self.taken -= size
        while self._line and self.taken + self._line[0][0] <= self._most:
            wanted, called = self._line.popleft()
            self.taken += wanted
            called.set_result(None)
