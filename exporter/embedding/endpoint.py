"""An export as the answer of a host application's own endpoint."""

from collections.abc import Callable, Collection, MutableMapping
from dataclasses import dataclass
from functools import partial
from typing import Any

from velithon.datastructures import Protocol, Scope
from velithon.requests import Request
from velithon.responses import Response

from exporter.access.principal import Principal
from exporter.embedding.live import Live
from exporter.exports.order import Order
from exporter.http.endpoint import Endpoint
from exporter.http.rsgi import Receive, RsgiProtocol, RsgiScope, Send
from exporter.http.visit import visit_of
from exporter.problems import Problem, ProblemType
from exporter.web.downloads import Download, answer_with, default_name, label


@dataclass(frozen=True, slots=True, kw_only=True)
class OwnEndpoint:
    """Answers a request with one export, as a mounted exporter would. Nothing happens before it is asked."""

    live: Callable[[], Live]
    order: Callable[[Principal], Order]
    """Makes a caller's order, or raises the problem that is the answer."""
    caller: Principal | None
    """Who asks; None: whom the host's `authenticate` finds."""
    filename: str | None
    given: Collection[str]
    """The names of the arguments that were given; they become part of the default name of the file."""

    async def serve_asgi(self, scope: MutableMapping[str, Any], receive: Receive, send: Send) -> None:
        """Answer over ASGI.

        Raises:
            Aborted: the export failed after its first byte.
        """
        live = self.live()
        await live.application.serve(scope, receive, send, partial(self._wrapped, live))

    async def serve_rsgi(self, scope: Scope, protocol: Protocol) -> None:
        """Answer a request of Velithon's, which has to come over ASGI; a failure after the first byte is an abort."""
        live, visit = self.live(), visit_of(scope)
        await Endpoint(partial(self._answer, live), methods=None)(scope, protocol)
        live.telemetry.visited(visit, None)

    async def _wrapped(self, live: Live, scope: RsgiScope, protocol: RsgiProtocol) -> None:
        await Endpoint(partial(self._answer, live), methods=None)(Scope(scope=scope), Protocol(protocol=protocol))

    async def _answer(self, live: Live, request: Request) -> Response:
        principal = self.caller or await live.service.principal(request)
        visit_of(request.scope).who = principal.name
        return await answer_with(live.service, principal, request, partial(self._download, live, principal, request))

    async def _download(self, live: Live, principal: Principal, request: Request) -> Download:
        order = self.order(principal)
        dataset, format_ = order.dataset, order.format
        assert format_ is not None  # noqa: S101 - an endpoint names one
        if await live.service.find(dataset.name, principal) is None:
            raise Problem(ProblemType.UNKNOWN_DATASET, "There is none of this name, or you may not read it.")
        visit_of(request.scope).dataset = dataset
        given = {name: _texts(value) for name, value in order.arguments.items() if name in self.given}
        name = self.filename or default_name(dataset, given)
        return label(order, format_, request, name, codes=live.service.content_coding)


def _texts(value: str | list[str | None] | None) -> list[str]:
    return [text for text in (value if isinstance(value, list) else [value]) if text]
