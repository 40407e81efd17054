"""The responses that carry an export, or its head."""

from collections.abc import AsyncGenerator, Iterable, Sequence
from contextlib import AsyncExitStack
from typing import Any, NamedTuple

from velithon.datastructures import Protocol, Scope
from velithon.responses import Response

from exporter.http.disconnection import unless_disconnected
from exporter.http.pieces import pieces, probing
from exporter.http.versions import multiplexed
from exporter.limits.body import Body
from exporter.limits.connections import Connections
from exporter.limits.pace import Pace

_SEND_BYTES = 1 << 18
"""What one message to the server holds: its buffer, and so a stalled reader's cost, is a few of these."""
_STREAM_BYTES = 1 << 15
"""The same of HTTP/2, where nothing else tells a slow reader from one that stalls."""


async def send_parts(pace: Pace, transport: Any, parts: Iterable[bytes]) -> None:
    """Send parts of a body as the client takes them.

    Raises:
        SlowClient: it does not.
    """
    for part in parts:
        await pace.send(len(part), transport.send_bytes(part))


class Rest(NamedTuple):
    """The chunks of an export behind the first, and what is closed once they are sent, or not to be sent."""

    chunks: AsyncGenerator[bytes]
    held: AsyncExitStack


class ExportResponse(Response):
    """Streams an export's chunks; ends the body visibly incomplete when they fail."""

    def __init__(
        self, headers: Sequence[tuple[str, str]], first: bytes, rest: Rest, pace: Pace, connections: Connections
    ) -> None:
        """Take the whole list of headers, the first chunk, and the others.

        Velithon's own constructor is left out: its header helper invents `content-length: 0` for a body it can't see.
        """
        self.status_code = 200
        self.raw_headers = list(headers)
        self.background = None
        self._first = first
        self._chunks, self._held = rest
        self._pace = pace
        self._connections = connections

    async def __call__(self, scope: Scope, protocol: Protocol) -> None:
        """Send the body. Raises nothing but cancellation: Velithon's router would run the request again."""
        transport = protocol.response_stream(self.status_code, self.raw_headers)
        body = Body(self._connections, scope)
        self._pace.acknowledged = body.acknowledged
        try:
            async with body, self._held:
                await unless_disconnected(protocol, self._send(transport, multiplexed(scope)))
        except Exception as error:  # noqa: BLE001 - nothing may reach the router
            # The run has told its observers; what is left to do here is to let the client see it.
            transport.abort(type(error.__cause__ or error).__name__, body.drained)

    async def _send(self, transport: Any, multiplexed: bool) -> None:
        size = _STREAM_BYTES if multiplexed else _SEND_BYTES
        first, self._first = self._first, b""
        await send_parts(self._pace, transport, probing(first, size) if multiplexed else pieces(first, size))
        del first  # not held while the next is made
        async for chunk in self._chunks:
            await send_parts(self._pace, transport, pieces(chunk, size))
            del chunk  # as the first


class HeadResponse(Response):
    """The head of an export that is not run; no length, which nobody knows."""

    def __init__(self, headers: Sequence[tuple[str, str]]) -> None:
        """Take the whole list of headers."""
        self.status_code = 200
        self.raw_headers = list(headers)
        self.background = None

    async def __call__(self, scope: Scope, protocol: Protocol) -> None:
        """Send the head."""
        protocol.response_empty(self.status_code, self.raw_headers)
