"""An exporter that is used without its lifespan, or on another event loop, says what to do."""

import asyncio
import warnings

import pytest
from starlette.applications import Starlette
from starlette.routing import Mount

from exporter import Dataset, Exporter, anyone

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # it would rather have another httpx
    from starlette.testclient import TestClient


def _exporter() -> Exporter:
    return Exporter("postgresql://nobody@127.0.0.1:1/none", [Dataset("one", sql="SELECT 1")], authenticate=anyone)


def test_test_client_without_with_says_what_to_do() -> None:
    exporter = _exporter()
    application = Starlette(routes=[Mount("/exports", exporter)], lifespan=exporter.lifespan)
    with pytest.raises(RuntimeError, match=r"within `with TestClient\(application\)`"):
        TestClient(exporter.guard(application)).get("/exports/")
    with TestClient(exporter.guard(application)) as client:
        assert client.get("/exports/datasets").status_code == 200


def test_second_event_loop_is_refused() -> None:
    exporter = _exporter()
    with asyncio.Runner() as runner, asyncio.Runner() as other:
        runner.run(exporter.__aenter__())

        async def run() -> None:
            exporter.run("one")

        with pytest.raises(RuntimeError, match="another event loop"):
            other.run(run())
        runner.run(exporter.__aexit__(None, None, None))
