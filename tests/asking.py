"""Requests without a server, for what looks at nothing but a request."""

import asyncio
from base64 import b64encode
from collections.abc import MutableMapping
from typing import Any

from velithon.datastructures import Scope
from velithon.requests import Request

from exporter.http.rsgi import RsgiProtocol, RsgiScope


def request(
    path: str = "/datasets",
    *,
    client: str = "127.0.0.1",
    method: str = "GET",
    host: str = "127.0.0.1:8000",
    left: asyncio.Event | None = None,
    **headers: str,
) -> Request:
    """A request; the names of headers are written with underscores. The client leaves when the event `left` is set."""
    left = left or asyncio.Event()

    async def receive() -> dict[str, Any]:
        await left.wait()
        return {"type": "http.disconnect"}

    async def send(message: MutableMapping[str, Any]) -> None:
        raise AssertionError(message)

    path, _, query = path.partition("?")
    raw = [(name.replace("_", "-").encode(), value.encode()) for name, value in {"host": host, **headers}.items()]
    scope = {
        "http_version": "1.1",
        "method": method,
        "path": path,
        "query_string": query.encode(),
        "headers": raw,
        "client": (client, 40000),
    }
    return Request(Scope(RsgiScope(scope)), RsgiProtocol(receive, send))


def basic(user: str, password: str) -> str:
    return "Basic " + b64encode(f"{user}:{password}".encode()).decode()
