"""Velithon: its application and an exporter as one ASGI application, and an export as one of its responses."""

from collections.abc import Awaitable, Callable, MutableMapping
from typing import TYPE_CHECKING, Any

from velithon import Velithon
from velithon.datastructures import Protocol, Scope
from velithon.responses import Response

from exporter.embedding.frameworks.below import Below
from exporter.embedding.guard import Guard
from exporter.http.asgi import AsgiAdapter
from exporter.http.rsgi import Receive, Send

if TYPE_CHECKING:
    from exporter.embedding.exporter import Exporter


class Hosted:
    """A host's Velithon application over ASGI. It has no WebSockets there."""

    def __init__(self, exporter: "Exporter", application: Velithon) -> None:
        """Take the application, whose responses may be exports; its start-up and shut-down run with ASGI's lifespan."""
        self._exporter = exporter
        self._application = application
        self._adapter = AsgiAdapter(application, secures=False)

    async def __call__(self, scope: MutableMapping[str, Any], receive: Receive, send: Send) -> None:
        """Serve one ASGI scope."""
        if scope["type"] == "http":
            await self._exporter.aborting(self._serve, scope, receive, send)
        else:
            await self._adapter(scope, receive, send)

    async def _serve(self, scope: MutableMapping[str, Any], receive: Receive, send: Send) -> None:
        # Not as the adapter would by itself: what a request may have is the host's to say.
        await self._adapter.serve(scope, receive, send, self._application)


def mounted(exporter: "Exporter", application: Velithon, prefix: str) -> Guard:
    """Return the ASGI application to serve; see `Exporter.velithon`."""

    async def enter() -> None:
        await exporter.__aenter__()

    async def leave() -> None:
        await exporter.__aexit__(None, None, None)

    application.on_startup()(enter)
    application.on_shutdown()(leave)
    return exporter.guard(Below(prefix, exporter, Hosted(exporter, application)))


class ExportResponse(Response):
    """A response that runs an export when it is sent."""

    def __init__(self, serve: Callable[[Scope, Protocol], Awaitable[None]]) -> None:
        """Take what answers the request. Velithon's own constructor would invent a length."""
        self.status_code = 200
        self.raw_headers: list[tuple[str, str]] = []
        self.background = None
        self._serve = serve

    async def __call__(self, scope: Scope, protocol: Protocol) -> None:
        """Answer with the export, or with the problem that it has before its first byte."""
        await self._serve(scope, protocol)


def is_over_asgi(request: Any) -> bool:
    """Return whether a request comes through the ASGI application that `Exporter.velithon` returns."""
    return hasattr(request.scope._scope, "asgi")  # noqa: SLF001 - Velithon's scope shows the fields of RSGI only
