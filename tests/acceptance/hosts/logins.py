"""Applications with sessions of their framework's own; `/login/NAME` begins one."""

import os
from collections.abc import Mapping
from typing import Any

from exporter import Dataset, Exporter, Principal

DATASETS = [Dataset("who", sql="SELECT current_setting('request.jwt.claims')::json ->> 'sub' AS who")]
KEY = "sixteen letters, or more"


def in_session(scope: Mapping[str, Any]) -> Principal | None:
    name = scope["session"].get("user")
    return Principal(name, ("*",)) if name else None


def exporter(authenticate: Any = in_session) -> Exporter:
    return Exporter(os.environ["HOST_DATABASE"], DATASETS, authenticate=authenticate)


def fastapi() -> Any:
    from fastapi import FastAPI, Request
    from starlette.middleware.sessions import SessionMiddleware

    exports = exporter()
    api = FastAPI(lifespan=exports.lifespan)
    api.add_middleware(SessionMiddleware, secret_key=KEY)
    api.mount("/exports", exports)

    @api.get("/login/{name}")
    async def login(request: Request, name: str) -> str:
        request.session["user"] = name
        return name

    return exports.guard(api)


def litestar() -> Any:
    from litestar import Litestar, Request, get
    from litestar.middleware.session.client_side import CookieBackendConfig

    @get("/login/{name:str}")
    async def login(request: Request[Any, Any, Any], name: str) -> str:
        request.session["user"] = name
        return name

    sessions = CookieBackendConfig(secret=KEY.encode()[:16])
    return Litestar([login], plugins=[exporter().litestar("/exports")], middleware=[sessions.middleware])


def quart() -> Any:
    from quart import Quart, session

    app = Quart("host")
    app.secret_key = KEY
    exporter().quart(app, "/exports")

    @app.get("/login/<name>")
    async def login(name: str) -> str:
        session["user"] = name
        return name

    return app


def django() -> Any:
    from django.conf import settings
    from django.core.asgi import get_asgi_application
    from django.http import HttpRequest, HttpResponse
    from django.urls import include, path

    async def login(request: HttpRequest, name: str) -> HttpResponse:
        request.session["user"] = name
        return HttpResponse(name)

    exports = exporter(lambda scope: in_session({"session": scope["django.request"].session}))
    patterns = [path("exports/", include(exports.django())), path("login/<name>", login)]
    settings.configure(
        ROOT_URLCONF=type("urls", (), {"urlpatterns": patterns}),
        ALLOWED_HOSTS=["127.0.0.1"],
        MIDDLEWARE=["django.contrib.sessions.middleware.SessionMiddleware"],
        SESSION_ENGINE="django.contrib.sessions.backends.signed_cookies",
        SECRET_KEY=KEY,
        LOGGING_CONFIG=None,
    )
    return exports.django_application(get_asgi_application())
