"""The ASGI application in process: mounted, driven by an ASGI client, and with an answer that raises."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from pydantic import SecretStr
from velithon import Velithon
from velithon.requests import Request
from velithon.responses import Response
from velithon.routing import Route

from exporter.app import create
from exporter.http.asgi import AsgiAdapter
from exporter.http.endpoint import Endpoint
from exporter.http.rsgi import Aborted
from exporter.settings.settings import Settings
from tests.acceptance.mounted import client, lifespan

pytestmark = pytest.mark.anyio


@pytest.fixture
async def application(source: str, datasets: Path) -> AsyncIterator[AsgiAdapter]:
    adapter = create(Settings(database_url=SecretStr(source), datasets=datasets, allow_anonymous=True))
    async with lifespan(adapter):
        yield adapter


async def test_a_worker_that_is_to_leave_says_so_to_clients_of_http_1_1(application: AsgiAdapter) -> None:
    async with client(application) as asking:
        assert "connection" not in (await asking.get("/healthz")).headers
        application.leave()
        assert (await asking.get("/healthz")).headers["connection"] == "close"


async def test_mounted_under_a_root_path(application: AsgiAdapter) -> None:
    async with client(application, "/export") as mounted:
        rows = await mounted.get("/export/datasets/series.csv")
        assert (rows.status_code, rows.text.count("\n")) == (200, 4)
        assert (await mounted.get("/export/datasets/none.csv")).status_code == 404
        page = await mounted.get("/export/")
        assert 'href="datasets/items.csv"' in page.text
        assert (await mounted.get("/export")).headers["location"] == "/export/"
        assert (await mounted.get("/export/openapi.json")).json()["servers"] == [{"url": "/export"}]
    async with client(application) as alone:
        assert "servers" not in (await alone.get("/openapi.json")).json()


async def test_a_path_that_only_begins_like_the_root_path_is_not_ours(application: AsgiAdapter) -> None:
    async with client(application, "/export") as mounted:
        assert (await mounted.get("/exportdatasets/series.csv")).status_code == 404


async def test_the_links_of_a_mounted_service_lead_to_it(application: AsgiAdapter) -> None:
    async with client(application, "/export") as mounted:
        answer = await mounted.get("/export/datasets/series.csv")
        target = answer.links["describedby"]["url"]
        described = await mounted.get(answer.url.join(target))
        assert described.json()["name"] == "series"


async def test_failure_in_mid_body_is_raised_to_the_server(application: AsgiAdapter) -> None:
    transport = httpx.ASGITransport(application)
    async with httpx.AsyncClient(transport=transport, base_url="http://mounted") as mounted:
        with pytest.raises(Aborted, match="QueryRejected"):
            await mounted.get("/datasets/late.csv")


@pytest.mark.parametrize("method", ["GET", "HEAD"])
async def test_an_answer_that_raises_is_asked_once(method: str) -> None:
    calls = 0

    async def answer(request: Request) -> Response:
        nonlocal calls
        calls += 1
        raise RuntimeError("secret words")

    application = AsgiAdapter(Velithon(routes=[Route("/broken", Endpoint(answer))], openapi_url=None, docs_url=None))
    async with client(application) as mounted:
        response = await mounted.request(method, "/broken")
    assert calls == 1
    assert response.status_code == 500
    assert response.headers["content-type"] == "application/problem+json"
    assert method == "HEAD" or response.json()["type"] == "urn:exporter:problem:internal-error"
    assert "secret" not in response.text


async def test_a_response_that_raises_is_sent_once() -> None:
    """The rows themselves fail: the query must not be started again by the router."""
    calls = 0

    async def answer(request: Request) -> Response:
        nonlocal calls
        calls += 1
        return Broken(b"")

    class Broken(Response):
        async def __call__(self, scope: object, protocol: object) -> None:
            raise RuntimeError("secret words")

    application = AsgiAdapter(Velithon(routes=[Route("/broken", Endpoint(answer))], openapi_url=None, docs_url=None))
    async with client(application) as mounted:
        response = await mounted.get("/broken")
    assert calls == 1
    assert "secret" not in response.text


async def test_a_response_that_raises_in_mid_body_is_not_ended_cleanly() -> None:
    async def answer(request: Request) -> Response:
        return Broken(b"")

    class Broken(Response):
        async def __call__(self, scope: object, protocol: Any) -> None:
            await protocol.response_stream(200, []).send_bytes(b"the first half")
            raise RuntimeError("secret words")

    application = AsgiAdapter(Velithon(routes=[Route("/broken", Endpoint(answer))], openapi_url=None, docs_url=None))
    transport = httpx.ASGITransport(application)
    async with httpx.AsyncClient(transport=transport, base_url="http://mounted") as mounted:
        with pytest.raises(Aborted):
            await mounted.get("/broken")
