"""Waiting exports displace those whose clients read nothing."""

import asyncio
from collections.abc import Callable

from exporter.limits.admission import Admission
from exporter.limits.pace import Paces
from exporter.limits.slow_clients import Displaced

_GRACE_SECONDS = 2.0
"""How long a client may read nothing while others are waiting; they wait longer (`EXPORTER_POOL_TIMEOUT`)."""
_LOOK_SECONDS = 0.5


class Displacement:
    """Finds stalled exports and aborts them when others are waiting."""

    def __init__(self, admission: Admission, paces: Paces, connections: Callable[[], int]) -> None:
        """Take, among others, a function that returns how many exports wait because the pool has no free connection."""
        self._admission = admission
        self._paces = paces
        self._connections = connections

    async def run(self) -> None:
        """Look periodically until cancelled."""
        while True:
            self.look()
            await asyncio.sleep(_LOOK_SECONDS)

    def look(self) -> None:
        """Abort as many stalled exports as others are waiting; none if none is waiting."""
        seconds = {place: (pace.stalled(), pace) for place, pace in self._paces.placed()}
        stalled = [place for place, (since, _) in seconds.items() if since >= _GRACE_SECONDS]
        stalled.sort(key=lambda place: -seconds[place][0])
        for place in self._admission.displaced(stalled, self._connections()):
            since, pace = seconds[place]
            pace.abort(Displaced(f"displaced: the client read nothing for {since:.1f} s while others were waiting"))
