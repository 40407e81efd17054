"""Serves an RSGI application over ASGI.

Velithon uses RSGI, but Granian's RSGI interface buffers without limit for a slow client and ends a failed body
normally. Its ASGI interface does neither. See docs/decisions/asgi-under-velithon.md.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import TYPE_CHECKING, Any, NoReturn, TypeAlias, cast

from velithon import Velithon

from exporter.http.authority import authority_of
from exporter.http.client_address import Network
from exporter.http.cors import Cors
from exporter.http.headers import adding
from exporter.http.problems import response as response_of
from exporter.http.rsgi import BufferedResponse, Receive, RsgiProtocol, RsgiScope, Send, is_http_1_0
from exporter.http.visit import Visit
from exporter.problems import Problem, ProblemType

if TYPE_CHECKING:
    from velithon.datastructures import Scope

_MOST_LINES = 250
"""Header lines: Granian accepts a hundred over HTTP/1.1, but thousands over HTTP/2, where each cookie may be a line."""

Sender: TypeAlias = Callable[[RsgiScope, RsgiProtocol, BufferedResponse], Awaitable[None]]
RsgiApplication: TypeAlias = Callable[[RsgiScope, RsgiProtocol], Awaitable[None]]
Busy: TypeAlias = Callable[["Scope"], AbstractContextManager[None]]

log = logging.getLogger(__name__)


class AsgiAdapter:
    """The ASGI application around a Velithon application."""

    def __init__(  # noqa: PLR0913 - what is optional is by keyword
        self,
        application: Velithon,
        *,
        cors: Cors | None = None,
        visited: Callable[[Visit, int | None], None] | None = None,
        trusted: Sequence[Network] = (),
        sender: Sender | None = None,
        busy: Busy | None = None,
        secures: bool = True,
    ) -> None:
        """Take the application, whose startup and shutdown functions run with ASGI's lifespan, and the CORS rules.

        `visited` is called after each request, with the status of the response. `trusted` are the networks of proxies
        that are trusted to name the client's address. `sender` sends buffered responses, or leaves them to be sent at
        once. `busy` is a context manager that is entered while a request is answered. With `secures`, every response
        has the security headers.
        """
        self._application = application
        self._cors = cors or Cors()
        self._visited = visited
        self._trusted = trusted
        self._sender = sender
        self._busy = busy or nullcontext
        self._secures = secures
        self._leaving = False

    def leave(self) -> None:
        """Close HTTP/1.1 connections after their next response. Thread-safe."""
        self._leaving = True

    def __rsgi_init__(self, loop: asyncio.AbstractEventLoop) -> NoReturn:
        """Refuse native RSGI, which would truncate exports silently."""
        raise SystemExit(
            "This service must not run on Granian's RSGI interface: it truncates failed exports silently and buffers "
            "without bound. Start it with `exporter serve`, or with "
            "`granian --interface asgi --loop uvloop --factory exporter.app:create`."
        )

    async def __call__(self, scope: Mapping[str, Any], receive: Receive, send: Send) -> None:
        """Serve one ASGI scope.

        Raises:
            Aborted: a streamed body was aborted; the server then ends it visibly incomplete.
        """
        if scope["type"] == "lifespan":
            await self._lifespan(receive, send)
        elif scope["type"] != "http":
            await send({"type": "websocket.close", "code": 1000})
        else:
            await self.serve(scope, receive, send, self._routed)

    async def serve(self, scope: Mapping[str, Any], receive: Receive, send: Send, answering: RsgiApplication) -> None:
        """Serve one request with another application than the router, whatever the request's address and body are.

        Raises:
            Aborted: as above.
        """
        sending = adding(send, scope, self._added(scope)) if self._secures else send
        protocol = RsgiProtocol(receive, sending)
        seen = RsgiScope(scope, self._trusted)
        with self._busy(cast("Scope", seen)):
            await self._answer(seen, protocol, answering)

    def _added(self, scope: Mapping[str, Any]) -> Mapping[bytes, bytes]:
        headers = self._cors.headers(scope)
        # HTTP/2 has no such header; there the server sends GOAWAY when it stops.
        closes = self._leaving and scope["http_version"] == "1.1"
        return headers | {b"connection": b"close"} if closes else headers

    async def _answer(self, seen: RsgiScope, protocol: RsgiProtocol, answering: RsgiApplication) -> None:
        try:
            await answering(seen, protocol)
            if protocol.buffered is not None and self._sender is not None:
                await self._sender(seen, protocol, protocol.buffered)
            await protocol.finish()
        finally:
            if self._visited is not None:
                self._visited(seen.visit, protocol.status)
            await protocol.end()

    async def _routed(self, seen: RsgiScope, protocol: RsgiProtocol) -> None:
        scope = seen.asgi
        if refused := _refusal(scope):
            seen.visit.problem = refused.type
            response = response_of(refused)
            protocol.response_bytes(response.status_code, response.raw_headers, response.body)
        elif permission := self._cors.preflight(scope):
            protocol.response_empty(204, [(name.decode(), value.decode()) for name, value in permission.items()])
        elif scope["path"] == seen.root_path:
            # The page's links are relative, so they need its slash.
            protocol.response_empty(308, [("location", f"{seen.root_path}/")])
        else:
            await self._application(seen, protocol)

    async def _lifespan(self, receive: Receive, send: Send) -> None:
        for stage, functions in (
            ("startup", self._application.startup_functions),
            ("shutdown", self._application.shutdown_functions),
        ):
            await receive()
            try:
                for function in functions:
                    await function()
            except Exception:
                log.exception("%s failed", stage)
                await send({"type": f"lifespan.{stage}.failed", "message": f"{stage} failed; see the log"})
                return
            await send({"type": f"lifespan.{stage}.complete"})


def _refusal(scope: Mapping[str, Any]) -> Problem | None:
    """Return why a request is refused regardless of its target, if it is."""
    if len(scope["headers"]) > _MOST_LINES:
        detail = f"Send at most {_MOST_LINES} header lines."
        return Problem(ProblemType.HEADERS_TOO_LONG, detail)
    if not _names_one_host(scope):
        detail = "Send exactly one Host header, with the host and, if the URL has one, the port."
        return Problem(ProblemType.MALFORMED_HOST, detail)
    if scope["method"] in ("GET", "HEAD") and any(map(_announces_body, scope["headers"])):
        return Problem(ProblemType.REQUEST_BODY, "Put parameters into the query string, and send no body.")
    return None


def _names_one_host(scope: Mapping[str, Any]) -> bool:
    """Return whether a request has one valid Host, as RFC 9112, section 3.2, requires; optional in HTTP/1.0."""
    # If there is none, Granian adds an empty one, and for HTTP/2 it adds the `:authority`.
    hosts = [value for name, value in scope["headers"] if name == b"host"]
    if is_http_1_0(scope["http_version"]) and not any(hosts):
        return len(hosts) <= 1
    return len(hosts) == 1 and authority_of(hosts[0].decode("latin-1")) is not None


def _announces_body(header: tuple[bytes, bytes]) -> bool:
    name, value = header
    return name == b"transfer-encoding" or (name == b"content-length" and value.strip(b"0") != b"")
