"""Who may read the metrics, which name every dataset."""

from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest
from pydantic import SecretStr

from exporter.access.access import Access
from exporter.access.principal import ANONYMOUS, Principal
from exporter.app import create
from exporter.http.asgi import AsgiAdapter
from exporter.settings.settings import Settings
from tests.acceptance.mounted import client, lifespan

pytestmark = pytest.mark.anyio


@pytest.fixture
async def application(source: str, datasets: Path) -> AsyncIterator[AsgiAdapter]:
    adapter = create(Settings(database_url=SecretStr(source), datasets=datasets))
    async with lifespan(adapter):
        yield adapter


def asked_by(principal: Principal, monkeypatch: pytest.MonkeyPatch) -> None:
    async def who(self: Access, request: object) -> Principal:
        return principal

    monkeypatch.setattr(Access, "principal", who)


async def test_who_may_read_them_gets_them(application: AsgiAdapter, monkeypatch: pytest.MonkeyPatch) -> None:
    asked_by(Principal("scraper", metrics=True), monkeypatch)
    async with client(application) as service:
        answer = await service.get("/metrics")
    assert answer.headers["content-type"] == "text/plain; version=0.0.4; charset=utf-8"
    assert "exporter_build_info" in answer.text


async def test_who_may_not_is_told_that_there_is_nothing(
    application: AsgiAdapter, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked_by(replace(ANONYMOUS, metrics=False), monkeypatch)
    async with client(application) as service:
        refused, absent = await service.get("/metrics"), await service.get("/nothing-here")
    assert (refused.status_code, refused.content) == (404, absent.content)
    assert refused.headers == absent.headers
