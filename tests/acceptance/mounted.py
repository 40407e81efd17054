"""The application within this process, as another ASGI server would run it."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httpx

from exporter.http.asgi import AsgiAdapter


@asynccontextmanager
async def lifespan(application: AsgiAdapter) -> AsyncIterator[None]:
    """Start the application, and shut it down at the end, as an ASGI server does."""
    asked: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
    told: asyncio.Queue[Any] = asyncio.Queue()
    task = asyncio.create_task(application({"type": "lifespan"}, asked.get, told.put))
    for stage in ("startup", "shutdown"):
        await asked.put({"type": f"lifespan.{stage}"})
        assert (await told.get())["type"] == f"lifespan.{stage}.complete"
        if stage == "startup":
            yield
    await task


def client(application: AsgiAdapter, root_path: str = "") -> httpx.AsyncClient:
    transport = httpx.ASGITransport(application, root_path=root_path, raise_app_exceptions=False)
    return httpx.AsyncClient(transport=transport, base_url="http://mounted")
