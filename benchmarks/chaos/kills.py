"""What is killed during the soak, and when."""

import asyncio
import random
import threading
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field

import asyncpg
import psutil

_AFTERMATH = 5.0
"""Seconds after a kill in which a client may still find the service or its connection gone."""
_BETWEEN_WORKERS = 15.0
"""Granian takes two deaths of one worker within 5.5 seconds for a crash loop, and gives up."""

_TERMINATE = """
SELECT pg_terminate_backend(pid) FROM pg_stat_activity
WHERE application_name LIKE 'exporter%' AND pid <> pg_backend_pid() AND datname = current_database()
ORDER BY random() LIMIT 1
"""


@dataclass(slots=True)
class Kills:
    """Kills backends and workers at random, and remembers when."""

    counts: Counter[str] = field(default_factory=Counter)
    times: list[float] = field(default_factory=list)

    def any_between(self, began: float, ended: float) -> bool:
        """Return whether a kill explains an abort in this time."""
        return any(began - _AFTERMATH <= moment <= ended for moment in self.times)

    def run(
        self, database_url: str, victim: Callable[[], psutil.Process | None], pause: float, over: threading.Event
    ) -> None:
        """Kill something about once in `pause` seconds until it is over: mostly a backend, else a worker."""
        dice = random.Random(4)
        last_worker = time.monotonic()
        while not over.wait(pause * dice.uniform(0.5, 1.5)):
            doomed = victim() if dice.random() < 0.3 and time.monotonic() - last_worker > _BETWEEN_WORKERS else None
            self.times.append(time.monotonic())
            if doomed is None:
                self.counts["backends"] += asyncio.run(_terminate(database_url))
            else:
                doomed.kill()
                last_worker = time.monotonic()
                self.counts["workers"] += 1


async def _terminate(database_url: str) -> int:
    connection = await asyncpg.connect(database_url)
    try:
        return len(await connection.fetch(_TERMINATE))
    finally:
        await connection.close()
