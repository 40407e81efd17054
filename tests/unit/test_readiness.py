"""Whether the service is ready: one probe of the database at a time, and no answer that never comes."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any, cast

import pytest

from exporter.http.problems import document
from exporter.web import readiness
from exporter.web.readiness import Readiness, not_ready
from queries.errors import DatabaseUnavailable

pytestmark = pytest.mark.anyio


class Pool:
    """A pool whose connections come when they are let."""

    def __init__(self, spare: int = 1) -> None:
        self.spare, self.asked, self.free = spare, 0, asyncio.Event()
        self.error: Exception | None = None

    @asynccontextmanager
    async def transaction(self, name: str) -> AsyncIterator[None]:
        self.asked += 1
        await self.free.wait()
        if self.error:
            raise self.error
        yield


def made(pool: Pool, **checks: Any) -> Readiness:
    return Readiness(cast("Any", pool), {name: saying(found) for name, found in checks.items()})


def saying(found: list[str]) -> Callable[..., Any]:
    async def check() -> list[str]:
        return found

    return check


async def test_a_silent_database_is_told_of_in_time_and_asked_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(readiness, "_PROBE_SECONDS", 0.01)
    pool = Pool()
    ready = made(pool)
    answers = await asyncio.gather(*(ready.problems() for _ in range(50)))
    assert all("no answer within" in answer["database"][0] for answer in answers)
    assert pool.asked == 1
    await ready.problems()
    assert pool.asked == 1, "the probe still runs"
    pool.free.set()
    await asyncio.sleep(0)
    assert (await ready.problems())["database"] == []


async def test_whoever_asks_and_leaves_does_not_end_the_probe_of_the_others() -> None:
    pool = Pool()
    ready = made(pool)
    leaving, staying = asyncio.create_task(ready.problems()), asyncio.create_task(ready.problems())
    await asyncio.sleep(0)
    leaving.cancel()
    pool.free.set()
    assert (await staying)["database"] == []


async def test_a_failure_is_told_without_what_the_database_said(caplog: pytest.LogCaptureFixture) -> None:
    pool = Pool()
    pool.free.set()
    pool.error = DatabaseUnavailable("no route to db.internal:5432")
    ready = made(pool)
    for _ in range(3):
        checks = await ready.problems()
    assert checks["database"] == ["The database is unavailable"]
    assert "internal" not in str(document(not_ready(checks)))
    assert len(caplog.records) == 1, "the log is told once"
    assert "no route" in vars(caplog.records[0])["fields"]["reason"]


async def test_a_defect_of_the_probe_is_not_being_ready() -> None:
    pool = Pool()
    pool.free.set()
    pool.error = RuntimeError("internal")
    assert (await made(pool).problems())["database"] == ["the check failed"]


async def test_a_busy_pool_is_not_asked_for_a_connection() -> None:
    pool = Pool(spare=0)
    assert (await made(pool).problems())["database"] == []
    assert pool.asked == 0


async def test_every_check_has_its_say() -> None:
    pool = Pool()
    pool.free.set()
    ready = made(pool, keys=["they cannot be read"], audit=[])
    ready.draining = True
    checks = await ready.problems()
    assert checks == {
        "draining": ["the service is stopping"],
        "keys": ["they cannot be read"],
        "audit": [],
        "database": [],
    }
    found = document(not_ready(checks))
    assert found["status"] == 503
    assert found["checks"]["audit"] == "ok"
    assert found["detail"] == "draining: the service is stopping; keys: they cannot be read"
