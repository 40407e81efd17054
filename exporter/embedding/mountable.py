"""What an exporter is to each web framework."""

from abc import ABC, abstractmethod
from collections.abc import MutableMapping
from functools import partial
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self, overload

from velithon.requests import Request as VelithonRequest

from exporter.access.principal import Principal
from exporter.embedding.endpoint import OwnEndpoint
from exporter.embedding.guard import App, Guard
from exporter.embedding.live import Live
from exporter.exports.order import Order
from exporter.exports.run import Run
from exporter.http.rsgi import Receive, Send

if TYPE_CHECKING:
    from django.urls import URLPattern
    from quart import Quart
    from starlette.requests import Request as StarletteRequest
    from starlette.responses import Response as StarletteResponse
    from velithon import Velithon

    from exporter.embedding.frameworks.litestar import ExporterPlugin


class Mountable(ABC):
    """An ASGI application with a lifespan, as each framework mounts it; each is imported when it is asked for."""

    @abstractmethod
    async def __aenter__(self) -> Self:
        """Begin to live on the running event loop."""

    @abstractmethod
    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Stop living there."""

    @abstractmethod
    async def __call__(self, scope: MutableMapping[str, Any], receive: Receive, send: Send) -> None:
        """Serve one ASGI scope."""

    @abstractmethod
    async def aborting(self, serve: App, scope: MutableMapping[str, Any], receive: Receive, send: Send) -> None:
        """Have an application serve a request, and tell the guard when its export is given up."""

    @abstractmethod
    def guard(self, application: App) -> Guard:
        """Return an application with the guard around it."""

    @abstractmethod
    def run(self, name: str, format: str | None = None, **how: Any) -> Run:  # noqa: A002 - what everybody calls it
        """Return the run of an export."""

    @property
    @abstractmethod
    def is_entered(self) -> bool:
        """Whether it lives on an event loop."""

    @property
    @abstractmethod
    def entered(self) -> Live:
        """What it consists of on the running event loop."""

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
