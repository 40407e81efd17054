"""Whether an export could start now, and what is in its way."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping, Sequence

from exporter.exports.failures import problem_of
from exporter.http.problems import HttpProblem
from exporter.problems import Problem, ProblemType
from queries.base_pool import BasePool
from queries.errors import QueryError

log = logging.getLogger(__name__)

Check = Callable[[], Awaitable[Sequence[str]]]
"""Returns soon what is wrong, in words that everybody may read: no addresses, paths, names of hosts, SQL."""

_PROBE_SECONDS = 2.0
"""How long an answer waits for the database; what asks, gives up after a few seconds itself."""


def not_ready(checks: Mapping[str, list[str]]) -> Problem:
    """Return the answer of `/readyz` when something is wrong; its member `checks` has it by name."""
    wrong = [f"{name}: {problem}" for name, problems in checks.items() for problem in problems]
    members = {"checks": {name: problems or "ok" for name, problems in checks.items()}}
    return HttpProblem(ProblemType.NOT_READY, "; ".join(wrong), retry_after=5, members=members)


class Readiness:
    """The checks of one worker."""

    def __init__(self, pool: BasePool, checks: Mapping[str, Check]) -> None:
        """Take the pool of the database, and what is checked besides it, by name."""
        self._pool = pool
        self._checks = dict(checks)
        self._probe: asyncio.Task[list[str]] | None = None
        self._known: list[str] = []
        self.draining = False
        """Whether the worker has been told to stop."""

    async def problems(self) -> dict[str, list[str]]:
        """Return for each check what is wrong; nothing is when all lists are empty."""
        checks = self._checks | {"database": self._database_problems}
        found = await asyncio.gather(*(check() for check in checks.values()))
        draining = ["the service is stopping"] if self.draining else []
        return {"draining": draining} | {name: list(wrong) for name, wrong in zip(checks, found, strict=True)}

    async def _database_problems(self) -> list[str]:
        """Join the probe that runs, or start one: however many ask, they take one connection."""
        if self._probe is None or self._probe.done():
            self._probe = asyncio.create_task(self._probed())
        done, _ = await asyncio.wait([self._probe], timeout=_PROBE_SECONDS)
        return self._probe.result() if done else [f"it has not answered within {_PROBE_SECONDS:g} seconds"]

    async def _probed(self) -> list[str]:
        if not self._pool.spare:
            # Every connection is lent, so there are connections: waiting is not being out of order.
            return []
        found, reason = list[str](), ""
        try:
            async with self._pool.transaction("exporter readyz"):
                pass
        except QueryError as error:
            found, reason = [problem_of(error).type.title], f"{type(error).__name__}: {error}"
        except Exception as error:  # noqa: BLE001 - whatever it is, no export could start
            found, reason = ["it could not be asked"], type(error).__name__
        if found and found != self._known:
            log.error("not ready", extra={"fields": {"reason": reason}})
        self._known = found
        return found
