"""Answers that are not streamed by who makes them: documents, descriptions, problems."""

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
"""What a connection of HTTP/1.1, which has one answer at a time, is handed at once: its buffers may hold as much."""
_PIECE_BYTES = 1 << 15
_SERVER_BYTES = 1 << 19
"""What the web server and its queue hold of an answer at the most."""


class SharedDocument(bytes):
    """A document that many answers are made of."""

    __slots__ = ()


class BufferedResponses:
    """Sends the whole answers of one worker, as the clients take them."""

    def __init__(
        self,
        paces: Paces | None = None,
        connections: Connections | None = None,
        on_abort: Callable[[Visit, str, str], None] | None = None,
    ) -> None:
        """Take how slow clients may be, their connections, and who is told of answers that were given up.

        That is the visit, the outcome, and the reason.
        """
        self._paces = paces or Paces()
        self._connections = connections or Connections()
        self._on_abort = on_abort

    async def send(self, seen: RsgiScope, protocol: RsgiProtocol, whole: BufferedResponse) -> None:
        """Send an answer whose client may leave it unread; leave others, which cost nothing to keep, to the protocol.

        One that is not taken in time is aborted.
        """
        scope = cast("Scope", seen)  # which shows the fields of RSGI only
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
    """Return how many bytes are kept for an answer: the request is, too."""
    answer = min(len(body), _SERVER_BYTES) if isinstance(body, SharedDocument) else len(body)
    return answer + len(scope.query_string) + sum(len(name) + len(value) for name, value in scope.headers.items())
