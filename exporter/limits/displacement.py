"""Exports whose clients take nothing give way to exports that wait."""

import asyncio
from collections.abc import Callable

from exporter.limits.admission import Admission
from exporter.limits.pace import Paces
from exporter.limits.slow_clients import Displaced

_GRACE_SECONDS = 2.0
"""For how long a client may take nothing while others wait. Their patience is longer (`EXPORTER_POOL_TIMEOUT`)."""
_LOOK_SECONDS = 0.5


class Displacement:
    """Looks for such exports."""

    def __init__(self, admission: Admission, paces: Paces, connections: Callable[[], int]) -> None:
        """Take what tells how many exports wait for a connection of which there is none left."""
        self._admission = admission
        self._paces = paces
        self._connections = connections

    async def run(self) -> None:
        """Look again and again, until cancelled."""
        while True:
            self.look()
            await asyncio.sleep(_LOOK_SECONDS)

    def look(self) -> None:
        """Give up as many exports whose clients take nothing as others wait; with nobody waiting, none."""
        seconds = {place: (pace.stalled(), pace) for place, pace in self._paces.placed()}
        stalled = [place for place, (since, _) in seconds.items() if since >= _GRACE_SECONDS]
        stalled.sort(key=lambda place: -seconds[place][0])
        for place in self._admission.displaced(stalled, self._connections()):
            since, pace = seconds[place]
            pace.give_up(Displaced(f"displaced: the client read nothing for {since:.1f} s while others were waiting"))
