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
"""The size of one message to the server, whose buffer, and so the cost of a stalled reader, is a few of these."""
_STREAM_BYTES = 1 << 15
"""The same for HTTP/2, where nothing else distinguishes a slow reader from a stalled one."""


async def send_parts(pace: Pace, transport: Any, parts: Iterable[bytes]) -> None:
    """Send parts of a body at the pace of the client.

    Raises:
        SlowClient: the client does not read them in time.
    """
    for part in parts:
        await pace.send(len(part), transport.send_bytes(part))


class Rest(NamedTuple):
    """The chunks of an export after the first, and what to close once they are sent or abandoned."""

    chunks: AsyncGenerator[bytes]
    held: AsyncExitStack


class ExportResponse(Response):
    """Streams an export's chunks; ends the body visibly incomplete if they fail."""

    def __init__(
        self, headers: Sequence[tuple[str, str]], first: bytes, rest: Rest, pace: Pace, connections: Connections
    ) -> None:
        """Take all headers, the first chunk, and the others.

        Velithon's own constructor is not called: it adds `content-length: 0` for a body that it cannot see.
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
            # The run has notified its observers; only the client must still see the failure.
            transport.abort(type(error.__cause__ or error).__name__, body.drained)

    async def _send(self, transport: Any, multiplexed: bool) -> None:
        size = _STREAM_BYTES if multiplexed else _SEND_BYTES
        first, self._first = self._first, b""
        await send_parts(self._pace, transport, probing(first, size) if multiplexed else pieces(first, size))
        del first  # not kept while the next chunk is made
        async for chunk in self._chunks:
            await send_parts(self._pace, transport, pieces(chunk, size))
            del chunk  # as above


class HeadResponse(Response):
    """The head of an export that is not run, without a length, which is unknown."""

    def __init__(self, headers: Sequence[tuple[str, str]]) -> None:
        """Take all headers."""
        self.status_code = 200
        self.raw_headers = list(headers)
        self.background = None

    async def __call__(self, scope: Scope, protocol: Protocol) -> None:
        """Send the head."""
        protocol.response_empty(self.status_code, self.raw_headers)
