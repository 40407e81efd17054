"""Whether an export could start now, and if not, why."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping, Sequence

from exporter.exports.failures import problem_of
from exporter.http.problems import HttpProblem
from exporter.problems import SHORTLY, Problem, ProblemType
from queries.base_pool import BasePool
from queries.errors import QueryError

log = logging.getLogger(__name__)

Check = Callable[[], Awaitable[Sequence[str]]]
"""Quickly returns what is wrong, in words that everybody may read: no addresses, paths, host names or SQL."""

_PROBE_SECONDS = 2.0
"""How long a response waits for the database; probes give up after a few seconds themselves."""


def not_ready(checks: Mapping[str, list[str]]) -> Problem:
    """Return the problem of `/readyz`; its member `checks` says by name what is wrong."""
    wrong = [f"{name}: {problem}" for name, problems in checks.items() for problem in problems]
    members = {"checks": {name: problems or "ok" for name, problems in checks.items()}}
    return HttpProblem(ProblemType.NOT_READY, "; ".join(wrong), retry_after=SHORTLY, members=members)


class Readiness:
    """The checks of one worker."""

    def __init__(self, pool: BasePool, checks: Mapping[str, Check]) -> None:
        """Take the pool of the database, and further checks by name."""
        self._pool = pool
        self._checks = dict(checks)
        self._probe: asyncio.Task[list[str]] | None = None
        self._known: list[str] = []
        self.draining = False
        """Whether the worker has been told to stop."""

    async def problems(self) -> dict[str, list[str]]:
        """Return what is wrong for each check; the worker is ready if all lists are empty."""
        checks = self._checks | {"database": self._database_problems}
        found = await asyncio.gather(*(check() for check in checks.values()))
        draining = ["the service is stopping"] if self.draining else []
        return {"draining": draining} | {name: list(wrong) for name, wrong in zip(checks, found, strict=True)}

    async def _database_problems(self) -> list[str]:
        """Join the running probe, or start one: any number of requests use one connection."""
        if self._probe is None or self._probe.done():
            self._probe = asyncio.create_task(self._probed())
        done, _ = await asyncio.wait([self._probe], timeout=_PROBE_SECONDS)
        return self._probe.result() if done else [f"no answer within {_PROBE_SECONDS:g} seconds"]

    async def _probed(self) -> list[str]:
        if not self._pool.spare:
            # All connections are in use, so the database works: a busy pool is ready.
            return []
        found, reason = list[str](), ""
        try:
            async with self._pool.transaction("exporter readyz"):
                pass
        except QueryError as error:
            found, reason = [problem_of(error).type.title], f"{type(error).__name__}: {error}"
        except Exception as error:  # noqa: BLE001 - whatever it is, no export could start
            found, reason = ["the check failed"], type(error).__name__
        if found and found != self._known:
            log.error("not ready", extra={"fields": {"reason": reason}})
        self._known = found
        return found
