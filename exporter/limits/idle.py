"""Connections without a running request: a limited number is kept, and those idle longest are closed.

They are between two requests, in the middle of a request head or a TLS handshake, use HTTP/2 without a stream, or have
sent nothing. The web server does not report them, accepts no more connections once it is full, and keeps some of them
forever. See docs/decisions/idle-connections.md.
"""

import asyncio
import logging
from collections import Counter
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from exporter.limits.sockets import Ends, clients, ends_of, hang_up, is_listening, listening_ports

if TYPE_CHECKING:
    from velithon.datastructures import Scope

MOST_IDLE = 512
"""Per worker: more than a proxy keeps for it, and far fewer than the available descriptors."""
_LOOK_SECONDS = 0.5
_AGAIN_SECONDS = 0.01
_AT_ONCE = 32
"""Connections to close in one turn of the event loop, which takes less than a millisecond."""

log = logging.getLogger(__name__)


class Idle:
    """The idle connections of one worker."""

    def __init__(self, most: int = MOST_IDLE) -> None:
        """Take the number of idle connections to keep."""
        self._most = most
        self._running: Counter[Ends] = Counter()
        self._since: dict[Ends, float] = {}

    @contextmanager
    def in_use(self, scope: "Scope") -> Iterator[None]:
        """Count the connection of a request as used in the meantime."""
        ends = ends_of(scope)
        if ends is None:
            yield
            return
        self._running[ends] += 1
        try:
            yield
        finally:
            self._running[ends] -= 1
            if not self._running[ends]:
                del self._running[ends]
            self._since.pop(ends, None)

    async def bound(self) -> None:
        """Keep the limit until cancelled, in a process that serves nothing else."""
        ports: dict[int, int] = {}
        while True:
            await asyncio.sleep(_LOOK_SECONDS if ports else _AGAIN_SECONDS)
            ports = ports or listening_ports()  # the server listens only after startup
            # A stopping web server no longer listens, but waits for an incomplete head as for an export.
            stopping = not any(map(is_listening, ports)) and not listening_ports()
            await self.look(set(ports.values()), stopping=stopping)

    async def look(self, ports: Collection[int], *, stopping: bool = False) -> None:
        """Close the excess idle connections that were accepted at these ports.

        If the service is `stopping`, close all. A connection that was not idle last time is left alone, because a
        request head may be on its way.
        """
        now = asyncio.get_running_loop().time()
        idle = {ends: descriptor async for ends, descriptor in clients(ports) if ends not in self._running}
        too_many = len(idle) if stopping else max(0, len(idle) - self._most)
        longest = sorted((ends for ends in idle if ends in self._since), key=self._since.__getitem__)[:too_many]
        self._since = {ends: self._since.get(ends, now) for ends in idle}
        if longest:
            log.info("idle connections closed", extra={"fields": {"count": len(longest)}})
        for position, ends in enumerate(longest):
            if ends not in self._running:
                hang_up(ends, idle[ends])
            if position % _AT_ONCE == 0:
                await asyncio.sleep(0)
