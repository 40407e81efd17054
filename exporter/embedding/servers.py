"""How each web server ends a body that was given up, and how it says that it takes more of one.

ASGI says neither. Most servers cut the connection if the application raises, and return from `send` once they take
more. The others are asked for it in their own ways, which are no public interfaces: where these have changed,
`Unsupported` says so before an export begins.
"""

import asyncio
from collections.abc import Callable, Iterable
from typing import Any, TypeAlias

from exporter.http.rsgi import Message

_RESET_SECONDS = 5.0
"""How long the reset of a stream may wait for its client to read what is before it on the connection."""

Cut: TypeAlias = Callable[[], None]


class Unsupported(Exception):
    """The server cannot be made to end a failed body visibly; the argument says why."""


class Server:
    """A server that cuts a body whose application raises, and whose `send` waits.

    So are uvicorn, Granian and, over HTTP/1.1, Hypercorn.
    """

    raises = True
    """Whether the application has to raise for the body to be visibly incomplete."""

    def __init__(self, cut: Cut | None = None) -> None:
        """Take what cuts the connection, where that is known."""
        self._cut = cut

    async def before(self, message: Message) -> None:
        """Prepare for a message of the body of an export."""

    async def after(self, message: Message) -> None:
        """Return once the client has taken so much of the body that more of it may be sent."""

    async def cut(self) -> None:
        """Cut the connection if that is known how.

        Raising alone leaves it open while a client that stopped reading has not taken what is buffered, and others may
        hide it.
        """
        if self._cut is not None:
            self._cut()


class HypercornStream(Server):
    """A stream of Hypercorn's HTTP/2: if the application raised, its client would wait until the connection is idle.

    Its `send` does not wait for a client that takes nothing of the stream while it reads the connection.
    """

    def __init__(self, stream: Any) -> None:
        """Take Hypercorn's `HTTPStream`.

        Raises:
            Unsupported: it is not as expected.
        """
        try:
            self._protocol = stream.send.__self__
            self._id: int = stream.stream_id
            self._buffer = self._protocol.stream_buffers[self._id]
            self._drained, self._drop = self._buffer.drain, self._buffer.close
            self._reset = self._protocol.connection.reset_stream
            self._sent = self._protocol._flush, self._protocol._window_updated  # noqa: SLF001 - see the module
            super().__init__(_transport_of(self._protocol.send.__self__).abort)
        except (AttributeError, KeyError) as error:
            raise Unsupported("the stream of this version of Hypercorn cannot be reset") from error

    async def after(self, message: Message) -> None:
        """Wait until nothing is buffered, as only what is not empty can be."""
        if message.get("body") and message.get("more_body"):
            await self._drained()

    async def cut(self) -> None:
        """Reset the stream, or else cut the connection."""
        from h2.errors import ErrorCodes  # noqa: PLC0415 - Hypercorn needs it, nobody else does
        from h2.exceptions import StreamClosedError  # noqa: PLC0415 - as above

        flush, wake = self._sent
        try:
            async with asyncio.timeout(_RESET_SECONDS):
                self._reset(self._id, ErrorCodes.INTERNAL_ERROR)
                await flush()
                await wake(self._id)  # so that what is left of the stream is dropped
        except StreamClosedError:  # the client has left
            pass
        except Exception:  # noqa: BLE001 - whatever it is, the client must not wait for ever
            await super().cut()
        finally:
            await self._drop()  # which wakes who waits for it


class DaphneRequest(Server):
    """A request of Daphne's, whose `send` does not wait, and which stays open if the application raises.

    Twisted tells a producer (IPushProducer) when its buffer is full, and when it is empty.
    """

    raises = False
    """An exception would end Daphne's watch over its requests."""

    def __init__(self, request: Any) -> None:
        """Take Daphne's `WebRequest`.

        Raises:
            Unsupported: it is not as expected.
        """
        super().__init__()
        if not all(hasattr(request, name) for name in ("channel", "registerProducer", "unregisterProducer")):
            raise Unsupported("this version of Daphne has no flow control")
        self._request = request
        self._registered = False
        self._room = asyncio.Event()
        self._room.set()

    async def before(self, message: Message) -> None:
        """Become the producer of the body, and no longer be it at its end."""
        if message["type"] != "http.response.body":
            return
        more = message.get("more_body", False)
        if more and not self._registered and self._request.channel is not None:
            self._request.registerProducer(self, streaming=True)
            self._registered = True
        elif not more:
            self._leave()

    async def after(self, message: Message) -> None:
        """Wait while the buffer is full."""
        await self._room.wait()

    async def cut(self) -> None:
        """Cut the connection, over HTTP/2 the stream."""
        channel = self._request.channel
        self._leave()
        if channel is not None:
            stream_or_connection = channel if hasattr(channel, "abortConnection") else channel.transport
            stream_or_connection.abortConnection()

    def _leave(self) -> None:
        if self._registered and self._request.channel is not None:
            self._request.unregisterProducer()
        self._registered = False

    def pauseProducing(self) -> None:  # noqa: N802 - Twisted's name
        """Have the body wait."""
        self._room.clear()

    def resumeProducing(self) -> None:  # noqa: N802 - Twisted's name
        """Have it go on."""
        self._room.set()

    def stopProducing(self) -> None:  # noqa: N802 - Twisted's name
        """Have it go on: the client has left."""
        self._room.set()


def server_among(layers: Iterable[object], http_version: str) -> Server:
    """Return the server that is among what is behind `send`; one that is not found is taken for one that needs nothing.

    Raises:
        Unsupported: it cannot be made to end a failed body visibly.
    """
    for layer in layers:
        module = type(layer).__module__
        if module == "daphne.http_protocol":
            return DaphneRequest(layer)
        if module == "hypercorn.protocol.http_stream":
            return HypercornStream(layer) if http_version == "2" else Server(_cutting(layer))
        if module.startswith("uvicorn.protocols.http."):
            return Server(_cutting(layer))
    return Server()


def _cutting(layer: Any) -> Cut | None:
    """Return what cuts the connection of a request of uvicorn's, or of Hypercorn's."""
    try:
        transport = layer.transport if hasattr(layer, "transport") else _transport_of(layer.send.__self__.send.__self__)
        cut: Cut = transport.abort
    except AttributeError:
        return None
    return cut


def _transport_of(server: Any) -> Any:
    """Return the transport of Hypercorn's `TCPServer`."""
    return server.writer.transport
