"""Sends responses that are not streamed: documents, descriptions, problems."""

from collections.abc import Callable
from typing import TYPE_CHECKING, cast

from exporter.http.pieces import pieces, probing
from exporter.http.rsgi import BufferedResponse, RsgiProtocol, RsgiScope
from exporter.http.versions import multiplexed
from exporter.http.visit import Visit
from exporter.limits.body import Body
from exporter.limits.connections import Connections
from exporter.limits.pace import Pace, Paces
from exporter.limits.slow_clients import SlowClient
from exporter.web.streaming import send_parts

if TYPE_CHECKING:
    from velithon.datastructures import Scope

_SMALL_BYTES = 1 << 16
"""What an HTTP/1.1 connection, which has one response at a time, gets at once: its buffers may hold as much."""
_PIECE_BYTES = 1 << 15
_SERVER_BYTES = 1 << 19
"""The most that the web server and its queue hold of a response."""


class SharedDocument(bytes):
    """A document that many responses share."""

    __slots__ = ()


class BufferedResponses:
    """Sends the buffered responses of one worker, at the pace of the clients."""

    def __init__(
        self,
        paces: Paces | None = None,
        connections: Connections | None = None,
        on_abort: Callable[[Visit, str, str], None] | None = None,
    ) -> None:
        """Take how slow clients may be, their connections, and a function to call when a response is aborted.

        Its arguments are the visit, the outcome and the reason.
        """
        self._paces = paces or Paces()
        self._connections = connections or Connections()
        self._on_abort = on_abort

    async def send(self, seen: RsgiScope, protocol: RsgiProtocol, whole: BufferedResponse) -> None:
        """Send a response that the client may leave unread; leave others, which are cheap to keep, to the protocol.

        A response that is not read in time is aborted.
        """
        scope = cast("Scope", seen)  # which has only the fields of RSGI
        status, headers, body = whole
        streams = multiplexed(scope)
        if scope.method == "HEAD":
            protocol.response_empty(status, headers)
        elif body and (streams or len(body) > _SMALL_BYTES):
            parts = probing(body, _PIECE_BYTES) if streams else pieces(body, _PIECE_BYTES)
            transport, protocol.buffered = protocol.response_stream(status, headers), None
            sent = Body(self._connections, scope, _kept(body, scope))
            del body, whole
            try:
                async with sent:
                    await send_parts(Pace(self._paces), transport, parts)
            except SlowClient as error:
                transport.abort(error.outcome, sent.drained)
                if self._on_abort is not None:
                    self._on_abort(seen.visit, error.outcome, str(error))


def _kept(body: bytes, scope: "Scope") -> int:
    """Return how many bytes are kept for a response, including its request."""
    answer = min(len(body), _SERVER_BYTES) if isinstance(body, SharedDocument) else len(body)
    return answer + len(scope.query_string) + sum(len(name) + len(value) for name, value in scope.headers.items())
