"""Requests a minute, asked in process, where a client can have any address."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
from pydantic import SecretStr

from exporter.app import create
from exporter.settings.settings import Settings
from tests.acceptance.mounted import lifespan

pytestmark = pytest.mark.anyio


@asynccontextmanager
async def serving(source: str, datasets: Path, **settings: Any) -> AsyncIterator[Any]:
    """Yield a function that asks from an address."""
    application = create(Settings(database_url=SecretStr(source), datasets=datasets, **settings))
    async with lifespan(application):

        async def ask(path: str, address: str = "127.0.0.1") -> httpx.Response:
            transport = httpx.ASGITransport(application, client=(address, 1234), raise_app_exceptions=False)
            async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as client:
                return await client.get(path)

        yield ask


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/datasets/items.csv", 200),
        ("/datasets", 200),
        ("/", 200),
        ("/datasets/none", 404),
        ("/datasets/big.csv?a=1", 422),
    ],
)
async def test_every_answer_says_what_is_left(source: str, datasets: Path, path: str, status: int) -> None:
    async with serving(source, datasets, requests_per_minute=60, requests_per_minute_per_address=2) as ask:
        answer = await ask(path)
        assert answer.status_code == status
        assert answer.headers["ratelimit-policy"] == '"address";q=2;w=60, "principal";q=60;w=60'
        assert answer.headers["ratelimit"] == '"address";r=1;t=30, "principal";r=59;t=1'


async def test_too_many_requests_of_an_address(source: str, datasets: Path) -> None:
    async with serving(source, datasets, requests_per_minute_per_address=2) as ask:
        assert [(await ask("/datasets")).status_code for _ in range(3)] == [200, 200, 429]
        refused = await ask("/datasets/items.csv")
        assert refused.json()["type"] == "urn:exporter:problem:too-many-requests"
        assert 0 < int(refused.headers["retry-after"]) <= 30
        assert refused.headers["ratelimit"].startswith('"address";r=0;t=')
        for path in ("/healthz", "/readyz"):
            answer = await ask(path)
            assert answer.status_code == 200
            assert "ratelimit" not in answer.headers


async def test_without_limits_nothing_is_said_of_them(source: str, datasets: Path) -> None:
    async with serving(source, datasets) as ask:
        assert "ratelimit" not in (await ask("/datasets")).headers
