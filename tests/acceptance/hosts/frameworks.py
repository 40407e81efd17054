"""Host applications that mount an exporter below `/exports`, one for each framework."""

import os
from typing import Any

from exporter import Dataset, Exporter, Limits, Principal, anyone

ROWS = 1000
DATASETS = [
    Dataset("numbers", sql=f"SELECT i, repeat('x', 100) AS text FROM generate_series(1, {ROWS}) i"),
    Dataset(
        "since",
        sql="SELECT i FROM generate_series(:first, 3) i",
        parameters={"first": {"type": "integer", "default": "1"}},
    ),
    Dataset(
        "failing",
        sql="SELECT repeat(md5(i::text), 10) AS text, 1 / (20000 - i) AS one "
        "FROM (SELECT generate_series(1, 30000) AS i) s",
    ),
    Dataset("endless", sql="SELECT generate_series(1, 1000000000) AS i, repeat('x', 1000) AS text"),
]
ANN = Principal("ann", ("numbers",))


def exporter(**more: Any) -> Exporter:
    limits = Limits(stall_timeout=30)
    return Exporter(os.environ["HOST_DATABASE"], DATASETS, authenticate=anyone, limits=limits, **more)


def starlette() -> Any:
    from starlette.applications import Starlette
    from starlette.requests import Request
    from starlette.responses import Response
    from starlette.routing import Mount, Route

    exports = exporter()

    async def own(request: Request) -> Response:
        given = dict(request.query_params)
        return exports.response(request, request.path_params["name"], given.pop("format", "csv"), **given)

    async def named(request: Request) -> Response:
        answer = exports.response(request, "numbers", "csv", filename="größe", limit=1)
        answer.set_cookie("seen", "1")
        answer.headers["cache-control"] = "max-age=60"
        return answer

    async def forbidden(request: Request) -> Response:
        return exports.response(request, "since", "csv", caller=ANN)

    routes = [
        Route("/own/{name}", own, methods=["GET", "POST"]),
        Route("/named", named),
        Route("/forbidden", forbidden),
        Mount("/exports", exports),
    ]
    return exports.guard(Starlette(routes=routes, lifespan=exports.lifespan))


def fastapi() -> Any:
    from fastapi import FastAPI, Request, Response

    exports = exporter()
    api = FastAPI(lifespan=exports.lifespan)
    api.mount("/exports", exports)

    @api.get("/own/{name}")
    async def own(request: Request, name: str) -> Response:
        return exports.response(request, name, "csv")

    return api if os.environ.get("HOST_GUARD") == "0" else exports.guard(api)


def fastapi_with_middleware() -> Any:
    """FastAPI with a middleware of `@app.middleware("http")`, which would end a failed answer cleanly."""
    from fastapi import Request

    host = fastapi()

    @host.middleware("http")
    async def passing(request: Request, call_next: Any) -> Any:
        return await call_next(request)

    return host


def litestar() -> Any:
    from litestar import Litestar
    from litestar.config.compression import CompressionConfig

    exports = exporter(content_coding=True)
    return Litestar(plugins=[exports.litestar("/exports")], compression_config=CompressionConfig("gzip"))


def quart() -> Any:
    from quart import Quart

    app = Quart("host")
    exporter().quart(app, "/exports")

    @app.get("/hello")
    async def hello() -> str:
        return "hello"

    return app


def django() -> Any:
    from django.conf import settings
    from django.core.asgi import get_asgi_application
    from django.urls import include, path

    exports = exporter()
    settings.configure(
        ROOT_URLCONF=type("urls", (), {"urlpatterns": [path("exports/", include(exports.django()))]}),
        ALLOWED_HOSTS=["127.0.0.1"],
        MIDDLEWARE=["django.middleware.gzip.GZipMiddleware", "django.middleware.common.CommonMiddleware"],
        LOGGING_CONFIG=None,
    )
    return exports.django_application(get_asgi_application())


def velithon() -> Any:
    from velithon import Velithon
    from velithon.requests import Request
    from velithon.responses import PlainTextResponse, Response

    exports = exporter()
    app: Any = Velithon(openapi_url=None, docs_url=None)

    @app.get("/own/{name}")
    async def own(request: Request) -> Response:
        return exports.response(request, request.path_params["name"], "csv")

    @app.get("/hello")
    async def hello(request: Request) -> Response:
        return PlainTextResponse("hello")

    return exports.velithon(app, "/exports")
