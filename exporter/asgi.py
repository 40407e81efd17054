"""An RSGI application served over ASGI.

Velithon speaks RSGI, but Granian's RSGI interface buffers without bound for a slow client and ends a failed body
cleanly; its ASGI interface does neither. See docs/decisions/asgi-under-velithon.md.
"""

import asyncio
import logging
from collections.abc import Callable, Mapping
from typing import Any, NoReturn

from velithon import Velithon

from exporter.problems import Problem, ProblemType
from exporter.rsgi import Receive, RsgiProtocol, RsgiScope, Send
from exporter.visit import Visit

log = logging.getLogger(__name__)


class AsgiAdapter:
    """The ASGI application around a Velithon application."""

    def __init__(self, application: Velithon, visited: Callable[[Visit, int | None], None] | None = None) -> None:
        """Take the application; its start-up and shut-down functions run with ASGI's lifespan.

        `visited` is told of each request when it is over, and of the status that it was answered with.
        """
        self._application = application
        self._visited = visited

    def __rsgi_init__(self, loop: asyncio.AbstractEventLoop) -> NoReturn:
        """Refuse native RSGI, which would cut exports off silently."""
        raise SystemExit(
            "This service must not run on Granian's RSGI interface: it truncates failed exports silently and buffers "
            "without bound. Start it with `exporter serve`, or with "
            "`granian --interface asgi --loop uvloop --factory exporter.app:create`."
        )

    async def __call__(self, scope: Mapping[str, Any], receive: Receive, send: Send) -> None:
        """Serve one ASGI scope.

        Raises:
            Aborted: a streamed body was given up; the server then ends it visibly incomplete.
        """
        if scope["type"] == "lifespan":
            await self._lifespan(receive, send)
        elif scope["type"] != "http":
            await send({"type": "websocket.close", "code": 1000})
        else:
            await self._answer(RsgiScope(scope), RsgiProtocol(receive, send))

    async def _answer(self, scope: RsgiScope, protocol: RsgiProtocol) -> None:
        try:
            # Granian writes "1", the ASGI specification "1.0".
            if scope.http_version in ("1", "1.0"):
                await _refuse_http_1_0(scope, protocol)
            else:
                await self._application(scope, protocol)
            await protocol.finish()
        finally:
            if self._visited is not None:
                self._visited(scope.visit, protocol.status)

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


async def _refuse_http_1_0(scope: RsgiScope, protocol: RsgiProtocol) -> None:
    """Answer 505: without chunked coding (RFC 9112, section 7.1) a body that was cut off looks like a whole one."""
    detail = "Ask with HTTP/1.1 or later; behind nginx, set proxy_http_version 1.1."
    scope.visit.problem = ProblemType.HTTP_VERSION_NOT_SUPPORTED
    response = Problem(scope.visit.problem, detail).response()
    protocol.response_bytes(response.status_code, response.raw_headers, response.body)
