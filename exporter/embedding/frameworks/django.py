"""Django under ASGI: an exporter as views, so that Django's sessions and middleware apply."""

from collections.abc import MutableMapping
from typing import TYPE_CHECKING, Any

from django.core.exceptions import ImproperlyConfigured
from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from django.http.response import HttpResponseBase
from django.urls import URLPattern, path

from exporter.embedding.frameworks.pulled import Pulled
from exporter.embedding.guard import Guard
from exporter.http.rsgi import Receive, Send

if TYPE_CHECKING:
    from exporter.embedding.exporter import Exporter
    from exporter.embedding.guard import App

REQUEST = "django.request"
"""In the scope that `authenticate` is given: Django's request, with its session and its user."""


def patterns(exporter: "Exporter") -> list[URLPattern]:
    """Return the URL patterns to include; see `Exporter.django`."""

    async def view(request: HttpRequest, below: str = "") -> HttpResponseBase:
        return await _answered(exporter, request, below)

    return [path("", view), path("<path:below>", view)]


async def _answered(exporter: "Exporter", request: HttpRequest, below: str) -> HttpResponseBase:
    asgi = getattr(request, "scope", None)
    if asgi is None:
        raise ImproperlyConfigured("the exporter needs Django under ASGI: serve exporter.django_application(...)")
    root = request.path[: len(request.path) - len(below)].rstrip("/")
    answer = Pulled(exporter, {**asgi, "path": request.path, "root_path": root, REQUEST: request})
    head, first = await answer.begin()
    response = StreamingHttpResponse(answer) if first.get("more_body") else HttpResponse(first["body"])
    response.status_code = head["status"]
    for name, value in _joined(head["headers"]).items():
        response.headers[name] = value
    return response


def _joined(headers: list[tuple[bytes, bytes]]) -> dict[str, str]:
    """Return headers by name, several of one name in one line (RFC 9110, section 5.3)."""
    joined: dict[str, str] = {}
    for name, value in headers:
        key, text = name.decode("latin-1"), value.decode("latin-1")
        joined[key] = f"{joined[key]}, {text}" if key in joined else text
    return joined


class DjangoApplication:
    """Django's ASGI application with a lifespan, in which the exporter lives, and the guard around it."""

    def __init__(self, exporter: "Exporter", application: "App") -> None:
        """Take what `get_asgi_application` returns."""
        self._exporter = exporter
        self._guarded = Guard(application)

    async def __call__(self, scope: MutableMapping[str, Any], receive: Receive, send: Send) -> None:
        """Serve one ASGI scope."""
        if scope["type"] == "lifespan":  # which Django refuses
            await self._exporter(scope, receive, send)
            return
        if not self._exporter.is_entered:  # a server without a lifespan: it ends with the process
            await self._exporter.__aenter__()
        await self._guarded(scope, receive, send)
