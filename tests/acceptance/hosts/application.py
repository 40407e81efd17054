"""Host applications by framework and stack of middleware; `make(framework, stack)` is what a server loads."""

import os
from typing import Any

from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.middleware.base import BaseHTTPMiddleware
from starlette.middleware.gzip import GZipMiddleware
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.routing import Mount, Route

from exporter import Dataset, Exporter, Limits, anyone

ROWS = 3_000_000
DATASETS = [
    Dataset("numbers", sql="SELECT i, repeat('x', 100) AS text FROM generate_series(1, 1000) i"),
    Dataset("large", sql=f"SELECT i, repeat(md5(i::text), 10) AS text FROM (SELECT generate_series(1, {ROWS}) AS i) s"),
    Dataset(
        "failing",
        sql="SELECT repeat(md5(i::text), 10) AS text, 1 / (100000 - i) AS one "
        "FROM (SELECT generate_series(1, 200000) AS i) s",
    ),
]


class Passing(BaseHTTPMiddleware):
    """The middleware of a host's: what `@app.middleware("http")` makes, too."""

    async def dispatch(self, request: Request, call_next: Any) -> Any:
        return await call_next(request)


STACKS: dict[str, list[Middleware]] = {
    "none": [],
    "base": [Middleware(Passing)],
    "base-twice": [Middleware(Passing), Middleware(Passing)],
    "base-around-gzip": [Middleware(Passing), Middleware(GZipMiddleware)],
    "gzip-around-base": [Middleware(GZipMiddleware), Middleware(Passing)],
}


def exporter() -> Exporter:
    return Exporter(os.environ["HOST_DATABASE"], DATASETS, authenticate=anyone, limits=Limits(stall_timeout=30))


async def ping(request: Request) -> PlainTextResponse:
    return PlainTextResponse("pong")


def starlette() -> Any:
    exports = exporter()
    routes = [Route("/ping", ping), Mount("/exports", exports)]
    application = Starlette(routes=routes, middleware=STACKS[os.environ["HOST_STACK"]], lifespan=exports.lifespan)
    return exports.guard(application) if os.environ["HOST_GUARD"] == "1" else application
