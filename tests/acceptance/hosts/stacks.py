"""Starlette applications in all stacks of middleware, which mount one exporter: the `application` that a server loads.

`/STACK/exports/` is below a guard, `/bare/STACK/exports/` is not.
"""

import os
from typing import Any

from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.middleware.base import BaseHTTPMiddleware
from starlette.middleware.cors import CORSMiddleware
from starlette.middleware.gzip import GZipMiddleware
from starlette.middleware.trustedhost import TrustedHostMiddleware
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.routing import Mount, Route

from exporter import Exporter, Limits, anyone
from tests.acceptance.hosts.datasets import DATASETS


class Passing(BaseHTTPMiddleware):
    """A middleware of the host's own: what `@app.middleware("http")` makes, too."""

    async def dispatch(self, request: Request, call_next: Any) -> Any:
        return await call_next(request)


class Swallowing:
    """A middleware that nobody knows, which ends what has failed within it."""

    def __init__(self, app: Any) -> None:
        self.app = app

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        try:
            await self.app(scope, receive, send)
        except Exception:  # noqa: BLE001 - as some do
            await send({"type": "http.response.body", "body": b""})


GZIP, BASE = Middleware(GZipMiddleware, compresslevel=1), Middleware(Passing)
PURE = [
    Middleware(CORSMiddleware, allow_origins=["*"]),
    Middleware(TrustedHostMiddleware, allowed_hosts=["*"]),
    GZIP,
]
STACKS = {
    "none": [],
    "base": [BASE],
    "base-twice": [BASE, BASE],
    "base-around-gzip": [BASE, GZIP],
    "gzip-around-base": [GZIP, BASE],
    "pure": PURE,
    "base-beneath-pure": [*PURE, BASE],
    "pure-beneath-base": [BASE, *PURE],
    "swallowing": [Middleware(Swallowing)],
}


async def ping(request: Request) -> PlainTextResponse:
    return PlainTextResponse("pong")


class Host:
    """The applications of all stacks, and the lifespan of the exporter."""

    def __init__(self) -> None:
        limits = Limits(stall_timeout=float(os.environ.get("HOST_STALL_TIMEOUT", "60")))
        self.exporter = Exporter(os.environ["HOST_DATABASE"], DATASETS, authenticate=anyone, limits=limits)
        stacks = [Mount(f"/{name}", self._stack(middleware)) for name, middleware in STACKS.items()]
        routes = [Route("/ping", ping), *stacks, Mount("/bare", routes=stacks)]
        self.bare = Starlette(routes=routes, lifespan=self.exporter.lifespan)
        self.guarded = self.exporter.guard(self.bare)
        self.is_entered = False

    def _stack(self, middleware: list[Middleware]) -> Starlette:
        return Starlette(routes=[Mount("/exports", self.exporter)], middleware=middleware)

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "lifespan":
            self.is_entered = True
        elif not self.is_entered:  # Daphne runs no lifespan
            self.is_entered = True
            await self.exporter.__aenter__()
        is_bare = scope.get("path", "").startswith("/bare/")
        await (self.bare if is_bare else self.guarded)(scope, receive, send)


application = Host()
