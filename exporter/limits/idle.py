"""Connections on which no request runs: so many may be kept, and beyond that those go that have been idle longest.

Between two requests, in the middle of a head or of TLS's handshake, of HTTP/2 without a stream, or without a word: the
web server tells nobody of them, takes no more connections once it has as many as it may, and lets some of them be kept
for ever. See docs/decisions/idle-connections.md.
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
"""Of a worker: more than a proxy keeps for it, and far less than the descriptors that there are."""
_LOOK_SECONDS = 0.5
_AGAIN_SECONDS = 0.01
_AT_ONCE = 32
"""Connections that are ended in one turn of the event loop, which takes less than a millisecond."""

log = logging.getLogger(__name__)


class Idle:
    """The idle connections of one worker."""

    def __init__(self, most: int = MOST_IDLE) -> None:
        """Take how many may be kept."""
        self._most = most
        self._running: Counter[Ends] = Counter()
        self._since: dict[Ends, float] = {}

    @contextmanager
    def in_use(self, scope: "Scope") -> Iterator[None]:
        """Have the connection of a request count as used meanwhile."""
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
        """Keep to the bound until cancelled, in a process that serves nothing else."""
        ports: dict[int, int] = {}
        while True:
            await asyncio.sleep(_LOOK_SECONDS if ports else _AGAIN_SECONDS)
            ports = ports or listening_ports()  # the server listens only after the start
            # Once told to stop, the web server listens no more, and waits for half a head as for an export.
            stopping = not any(map(is_listening, ports)) and not listening_ports()
            await self.look(set(ports.values()), stopping=stopping)

    async def look(self, ports: Collection[int], *, stopping: bool = False) -> None:
        """End those that are too many among the connections that were accepted at these ports.

        When the service is `stopping`, all are. Who was not idle the last time is left alone: a head may be on its way.
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
