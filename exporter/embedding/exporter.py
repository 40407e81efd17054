"""The exporter that another application uses: as a library, and mounted in a web framework."""

from collections.abc import AsyncGenerator, Callable, MutableMapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from functools import partial
from typing import TYPE_CHECKING, Any, TypeAlias, overload

from velithon.requests import Request as VelithonRequest

from exporter.access.principal import Principal
from exporter.embedding.blocking import Blocking
from exporter.embedding.endpoint import OwnEndpoint
from exporter.embedding.guard import App, Guard
from exporter.embedding.library import Library
from exporter.embedding.surroundings import Surroundings, surroundings_of
from exporter.exports.order import Order
from exporter.http.rsgi import Aborted, Receive, Send

if TYPE_CHECKING:
    from django.urls import URLPattern
    from quart import Quart
    from starlette.requests import Request as StarletteRequest
    from starlette.responses import Response as StarletteResponse
    from velithon import Velithon

    from exporter.embedding.frameworks.litestar import ExporterPlugin

Lifespan: TypeAlias = Callable[[object], AbstractAsyncContextManager[None]]


class Exporter(Library):
    """Exports datasets of a PostgreSQL database inside another application.

    It is an asynchronous context manager (`async with exporter`, or `lifespan` for Starlette and FastAPI), an ASGI
    application that can be mounted under any path, and a library. It reads no environment variables, configures no
    logging, handles no signals, starts no processes and changes no global state, so one process may have several. While
    it is entered, it belongs to one event loop.
    """

    @property
    def lifespan(self) -> Lifespan:
        """A `lifespan` for Starlette and FastAPI: the exporter is entered for as long as the application runs."""

        @asynccontextmanager
        async def living(application: object) -> AsyncGenerator[None]:
            async with self:
                yield

        return living

    @property
    def blocking(self) -> Blocking:
        """The exporter for programs without an event loop: `with exporter.blocking as exports`."""
        return Blocking(self)

    def guard(self, application: App) -> Guard:
        """Return an application with the guard around it, which must be its outermost layer."""
        return Guard(application)

    async def __call__(self, scope: MutableMapping[str, Any], receive: Receive, send: Send) -> None:
        """Serve one ASGI scope, below the path where the exporter is mounted.

        Raises:
            Aborted: an export was aborted; the server then ends its body visibly incomplete.
        """
        if scope["type"] == "lifespan":
            await self._serve_lifespan(receive, send)
        else:
            await self.aborting(self.entered.application, scope, receive, send)

    async def aborting(self, serve: App, scope: MutableMapping[str, Any], receive: Receive, send: Send) -> None:
        """Serve a request; if its export is aborted, notify the guard, or end the response as the server needs it."""
        around = surroundings_of(scope)
        if around is not None:
            await _noticing(around, serve, scope, receive, send)
            return
        around = Surroundings(scope, receive, send)
        try:
            await _noticing(around, serve, around.within(scope), receive, around.send)
        except Aborted:
            around.end()

    async def _serve_lifespan(self, receive: Receive, send: Send) -> None:
        """Stay entered for as long as a server runs that serves only the exporter."""
        await receive()
        async with self:
            await send({"type": "lifespan.startup.complete"})
            await receive()
        await send({"type": "lifespan.shutdown.complete"})

    def litestar(self, prefix: str) -> "ExporterPlugin":
        """Return a plugin of Litestar that mounts the exporter, with its guard and its lifespan.

        The application's middleware applies to it, except compression.

        Raises:
            ValueError: the prefix does not begin with a slash.
        """
        from exporter.embedding.frameworks.litestar import ExporterPlugin  # noqa: PLC0415 - of the host's

        return ExporterPlugin(self, prefix)

    def quart(self, application: "Quart", prefix: str) -> None:
        """Mount the exporter below a path of a Quart application, with its guard and its lifespan.

        `authenticate` finds Quart's session in the scope, as `session`.

        Raises:
            ValueError: the prefix does not begin with a slash.
        """
        from exporter.embedding.frameworks.quart import mount  # noqa: PLC0415 - of the host's

        mount(self, application, prefix)

    def django(self) -> "list[URLPattern]":
        """Return URL patterns for Django: `path("exports/", include(exporter.django()))`.

        Django's middleware and sessions apply; `authenticate` finds the request in the scope, as `django.request`.
        The application has to be served as `django_application` returns it.
        """
        from exporter.embedding.frameworks.django import patterns  # noqa: PLC0415 - of the host's

        return patterns(self)

    def django_application(self, application: App) -> App:
        """Return what `get_asgi_application` returned with a lifespan, which Django has none of, and the guard.

        The exporter lives from the server's start to its end; with a server that has no lifespan (daphne), from the
        first request.
        """
        from exporter.embedding.frameworks.django import DjangoApplication  # noqa: PLC0415 - of the host's

        return DjangoApplication(self, application)

    def velithon(self, application: "Velithon", prefix: str) -> Guard:
        """Return an ASGI application of a Velithon application and the exporter below a path, with guard and lifespan.

        Serve that, over ASGI: over RSGI a failed export would look whole. The host has no WebSockets in it.

        Raises:
            ValueError: the prefix does not begin with a slash.
        """
        from exporter.embedding.frameworks.velithon import mounted  # noqa: PLC0415 - of the host's

        return mounted(self, application, prefix)

    @overload
    def response(
        self,
        request: "StarletteRequest",
        name: str,
        format: str,
        **how: Any,
    ) -> "StarletteResponse": ...
    @overload
    def response(self, request: VelithonRequest, name: str, format: str, **how: Any) -> Any: ...
    def response(
        self,
        request: Any,
        name: str,
        format: str,  # noqa: A002 - as above
        *,
        caller: Principal | None = None,
        filename: str | None = None,
        **how: Any,
    ) -> Any:
        """Return an export as a response of the framework, for one's own endpoint to return.

        It is sent as a mounted exporter sends a download, under the same limits. It begins when the framework sends
        it, and answers with a problem document if it fails before its first byte.

        Args:
            request: Starlette's, FastAPI's or Velithon's.
            name: the dataset's.
            format: the extension of a format, such as `parquet`.
            caller: who asks; by default `authenticate` is asked. What they may read is known as for a mounted exporter.
            filename: under which the client stores it; by default made of the dataset, the arguments and the day.
            how: what else `run` takes.
        """
        given = {*how, *(how.get("arguments") or ())}

        def order(principal: Principal) -> Order:
            return self.run(name, format, caller=principal, dated=False, **how).order

        endpoint = OwnEndpoint(live=lambda: self.entered, order=order, caller=caller, filename=filename, given=given)
        if isinstance(request, VelithonRequest):
            from exporter.embedding.frameworks import velithon  # noqa: PLC0415 - of the host's

            if not velithon.is_over_asgi(request):
                raise RuntimeError("an export over RSGI would fail silently: serve what exporter.velithon returns")
            return velithon.ExportResponse(endpoint.serve_rsgi)
        from exporter.embedding.frameworks import starlette  # noqa: PLC0415 - of the host's

        return starlette.ExportResponse(partial(self.aborting, endpoint.serve_asgi))


async def _noticing(
    around: Surroundings, serve: App, scope: MutableMapping[str, Any], receive: Receive, send: Send
) -> None:
    try:
        await serve(scope, receive, send)
    except Aborted as error:
        await around.give_up(str(error))
        raise
