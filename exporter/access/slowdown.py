"""Delays after failed authentication attempts: each failure of an address makes its next one slower."""

import asyncio
import math
import time
from collections import OrderedDict
from collections.abc import Awaitable, Callable

from exporter.http.client_address import site
from exporter.problems import Problem, ProblemType

_FIRST_SECONDS = 0.125
_LONGEST_SECONDS = 4.0
_HALVED_AFTER = 60.0
"""Seconds after which an address's failures count half."""
_MOST_ADDRESSES = 10_000
"""Addresses to remember; the one whose last failure is oldest is forgotten first."""
_MOST_DELAYED = 100
"""Responses that may be delayed at once: each holds a connection and a task."""


class Slowdown:
    """The recent failures of each address (for IPv6, of each /64 network)."""

    def __init__(
        self,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._clock = clock
        self._sleep = sleep
        self._failures: OrderedDict[str, tuple[float, float]] = OrderedDict()
        """The weighted failures of each address, and the time of its last one."""
        self._delayed = 0

    async def failed(self, address: str) -> None:
        """Count a failed attempt, and return after its delay.

        Raises:
            Problem: too many responses are already delayed, so this one is refused at once.
        """
        delay = self._delay(site(address))
        if self._delayed >= _MOST_DELAYED:
            raise Problem(
                ProblemType.TOO_MANY_ATTEMPTS,
                "Too many authentication attempts have failed. Correct the credentials, then try again later.",
                retry_after=math.ceil(_LONGEST_SECONDS),
            )
        self._delayed += 1
        try:
            await self._sleep(delay)
        finally:
            self._delayed -= 1

    def _delay(self, counted: str) -> float:
        now = self._clock()
        failures, last = self._failures.pop(counted, (0.0, now))
        failures = failures * 0.5 ** ((now - last) / _HALVED_AFTER) + 1
        self._failures[counted] = (failures, now)
        if len(self._failures) > _MOST_ADDRESSES:
            self._failures.popitem(last=False)
        # Without the limit on the exponent, the power could overflow.
        return min(_FIRST_SECONDS * math.exp2(min(failures - 1, 10)), _LONGEST_SECONDS)
