"""The response that carries an export."""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Iterable, Sequence
from contextlib import aclosing, suppress
from typing import Any, TypeVar

from velithon.datastructures import Protocol, Scope
from velithon.responses import Response

from exporter.http.pieces import pieces, tasting
from exporter.http.problems import Problem, ProblemType
from exporter.http.rsgi import is_http_1_0
from exporter.limits.body import Body, multiplexed
from exporter.limits.connections import Connections
from exporter.limits.exceeded import Unread
from exporter.limits.pace import Pace

T = TypeVar("T")

_SEND_BYTES = 1 << 18
"""What one message to the server holds: its buffer, and so a stalled reader's cost, is a few of these."""
_STREAM_BYTES = 1 << 15
"""The same of HTTP/2, where nothing else tells a slow reader from one that stalls."""


async def send_parts(pace: Pace, transport: Any, parts: Iterable[bytes]) -> None:
    """Send parts of a body as the client takes them.

    Raises:
        Unread: it does not.
    """
    for part in parts:
        await pace.send(len(part), transport.send_bytes(part))


def refuse_without_chunks(scope: Scope) -> None:
    """Refuse a stream to HTTP/1.0, which has no chunked coding (RFC 9112, section 7.1): a cut body would look whole.

    Answers that are not streamed have a length, so any version can carry them.

    Raises:
        Problem: the request is of HTTP/1.0.
    """
    if is_http_1_0(scope.http_version):
        detail = "Ask with HTTP/1.1 or later; behind nginx, set proxy_http_version 1.1."
        raise Problem(ProblemType.HTTP_VERSION_NOT_SUPPORTED, detail)


class Disconnected(Exception):
    """The client left before it had its answer."""


async def unless_disconnected(protocol: Protocol, work: Awaitable[T]) -> T:
    """Run `work` to its end, or cancel it and raise `Disconnected` when the client leaves first.

    Watching is needed even while something is sent: a send to a client that left succeeds. The work stays in the
    caller's task, since another would cost a small export several turns of the event loop.
    """
    gone = asyncio.ensure_future(protocol.client_disconnect())
    connected = asyncio.timeout(None)

    def over(_: object) -> None:
        with suppress(RuntimeError):  # the work has ended meanwhile
            connected.reschedule(0)

    try:
        async with connected:
            gone.add_done_callback(over)
            return await work
    except Exception as error:
        if connected.expired():
            raise Disconnected from error
        raise
    finally:
        gone.remove_done_callback(over)
        gone.cancel()


class ExportResponse(Response):
    """Streams an export's chunks; ends the body visibly incomplete when they fail."""

    def __init__(
        self,
        headers: Sequence[tuple[str, str]],
        first: bytes,
        chunks: AsyncGenerator[bytes],
        pace: Pace,
        connections: Connections,
    ) -> None:
        """Take the whole list of headers, the first chunk, and the generator of the others, which is closed here.

        Velithon's own constructor is left out: its header helper invents `content-length: 0` for a body it can't see.
        """
        self.status_code = 200
        self.raw_headers = list(headers)
        self.background = None
        self._first = first
        self._chunks = chunks
        self._pace = pace
        self._connections = connections

    async def __call__(self, scope: Scope, protocol: Protocol) -> None:
        """Send the body. Raises nothing but cancellation: Velithon's router would run the request again."""
        transport = protocol.response_stream(self.status_code, self.raw_headers)
        body = Body(self._connections, scope)
        self._pace.acknowledged = body.acknowledged
        try:
            async with body, aclosing(self._chunks):
                await self._watched(protocol, self._send(transport, multiplexed(scope)))
        except Exception as error:  # noqa: BLE001 - nothing may reach the router
            # Told by whoever yields the chunks; what is left to do here is to let the client see it.
            transport.abort(type(error).__name__, body.left)

    async def _watched(self, protocol: Protocol, sending: Awaitable[None]) -> None:
        try:
            await unless_disconnected(protocol, sending)
        except Unread as error:
            await self._chunks.athrow(error)

    async def _send(self, transport: Any, multiplexed: bool) -> None:
        size = _STREAM_BYTES if multiplexed else _SEND_BYTES
        first, self._first = self._first, b""
        await send_parts(self._pace, transport, tasting(first, size) if multiplexed else pieces(first, size))
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
