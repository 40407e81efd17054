"""Quart: an exporter below a path of its application."""

from collections.abc import AsyncGenerator, MutableMapping
from typing import TYPE_CHECKING, Any, cast

from quart import Quart
from quart.wrappers import Request
from werkzeug.datastructures import Headers

from exporter.embedding.frameworks.below import Below
from exporter.embedding.guard import App
from exporter.http.rsgi import Receive, Send

if TYPE_CHECKING:
    from hypercorn.typing import HTTPScope

    from exporter.embedding.exporter import Exporter


def mount(exporter: "Exporter", application: Quart, prefix: str) -> None:
    """Mount an exporter, and put the guard around the application; see `Exporter.quart`."""

    async def living() -> AsyncGenerator[None]:
        async with exporter:
            yield

    application.while_serving(living)
    host: Any = application  # whose annotations of ASGI are narrower than ours
    host.asgi_app = exporter.guard(Below(prefix, _with_session(exporter, application), host.asgi_app))


def _with_session(exporter: App, application: Quart) -> App:
    """Return the exporter with Quart's session in the scope, where Starlette has its own; it is not written."""

    async def serve(scope: MutableMapping[str, Any], receive: Receive, send: Send) -> None:
        opening = application.ensure_async(application.session_interface.open_session)
        session = await opening(application, _request(application, scope))
        await exporter({**scope, "session": session or {}}, receive, send)

    return serve


def _request(application: Quart, scope: MutableMapping[str, Any]) -> Request:
    headers = Headers([(name.decode("latin-1"), value.decode("latin-1")) for name, value in scope["headers"]])
    return application.request_class(
        scope["method"],
        scope.get("scheme", "http"),
        scope["path"],
        scope["query_string"],
        headers,
        scope["root_path"],
        scope["http_version"],
        cast("HTTPScope", scope),
        send_push_promise=_push_nothing,
    )


async def _push_nothing(path: str, headers: Headers) -> None:
    """Push nothing: a session needs none."""
