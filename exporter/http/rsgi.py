"""The RSGI view of an ASGI request, which Velithon gets instead of Granian's own objects.

RSGI: https://github.com/emmett-framework/granian/blob/master/docs/spec/RSGI.md
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Iterator, Mapping, MutableMapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias

from exporter.http import visit
from exporter.http.client_address import Network

if TYPE_CHECKING:
    from velithon.datastructures import Scope

Message: TypeAlias = MutableMapping[str, Any]
Receive: TypeAlias = Callable[[], Awaitable[Message]]
Send: TypeAlias = Callable[[Message], Awaitable[None]]
Headers: TypeAlias = Iterable[tuple[str, str]]
Waiting: TypeAlias = Callable[[Callable[[], Awaitable[None]]], Awaitable[None]]


class Aborted(Exception):
    """Raised out of the ASGI callable after the first byte, so that the server ends the body visibly incomplete."""


class BufferedResponse(NamedTuple):
    """A response whose body is not streamed."""

    status: int
    headers: Headers
    body: bytes


class RsgiHeaders(Mapping[str, str]):
    """Request headers by case-insensitive name; repeated ones are joined by commas (RFC 9110, section 5.3)."""

    def __init__(self, raw: Iterable[tuple[bytes, bytes]]) -> None:
        self._values: dict[str, list[str]] = {}
        for name, value in raw:
            self._values.setdefault(name.decode("latin-1").lower(), []).append(value.decode("latin-1"))

    def __getitem__(self, name: str) -> str:
        """Return the value of a header."""
        return ", ".join(self._values[name.lower()])

    def __iter__(self) -> Iterator[str]:
        """Iterate over the distinct names."""
        return iter(self._values)

    def __len__(self) -> int:
        """Return the number of distinct names."""
        return len(self._values)

    def get_all(self, name: str) -> list[str]:
        """Return every value of a header, in order."""
        return self._values.get(name.lower(), [])


def is_http_1_0(version: object) -> bool:
    """Return whether a version is HTTP/1.0: "1" from Granian, "1.0" in the ASGI specification."""
    return version in ("1", "1.0")


class RsgiScope:
    """The RSGI view of an ASGI HTTP scope; `root_path` is stripped from the path of a mounted application."""

    proto = "http"
    rsgi_version = "1.5"

    def __init__(self, scope: Mapping[str, Any], trusted: Sequence[Network] = ()) -> None:
        self.http_version: str = scope["http_version"]
        self.scheme: str = scope.get("scheme", "http")
        self.method: str = scope["method"]
        self.root_path: str = scope.get("root_path", "")
        self.path: str = _stripped(scope["path"], self.root_path)
        self.query_string: str = scope["query_string"].decode("latin-1")
        self.headers = RsgiHeaders(scope["headers"])
        self.server = _address(scope.get("server"))
        self.client = _address(scope.get("client"))
        self.authority: str | None = self.headers.get("host")
        self.asgi = scope
        """ASGI's own scope of the request."""
        self.visit = visit.begin(self, trusted)


def root_path_of(scope: "Scope") -> str:
    """Return the path under which the application is mounted, without a trailing slash; usually empty."""
    inner: Any = scope._scope  # noqa: SLF001 - Velithon's scope shows the fields of RSGI only
    root_path: str = inner.root_path
    return root_path


def _stripped(path: str, root: str) -> str:
    # Servers differ on whether `path` includes the root path; the ASGI specification says that it does.
    return path[len(root) :] or "/" if path == root or path.startswith(f"{root}/") else path


def _address(pair: tuple[str, int | None] | None) -> str:
    return f"{pair[0]}:{pair[1]}" if pair else ""


class RsgiProtocol:
    """The RSGI side of one request: reads the body, sends the response, and notices when the client disconnects."""

    def __init__(self, receive: Receive, send: Send) -> None:
        self._receive = receive
        self._send = send
        self._body_ended = False
        self._disconnected: asyncio.Task[None] | None = None
        self.buffered: BufferedResponse | None = None
        """The response that is still to be sent."""
        self._stream: RsgiTransport | None = None

    @property
    def status(self) -> int | None:
        """The status of the response; None if the client disconnected first."""
        return self._stream.status if self._stream else self.buffered.status if self.buffered else None

    async def __call__(self) -> bytes:
        """Return the whole request body."""
        return b"".join([chunk async for chunk in self])

    async def __aiter__(self) -> AsyncIterator[bytes]:
        """Yield the request body as it arrives."""
        while not self._body_ended:
            message = await self._receive()
            self._body_ended = message["type"] != "http.request" or not message.get("more_body", False)
            yield message.get("body", b"")

    async def client_disconnect(self) -> None:
        """Return once the client has disconnected. Any number of tasks may wait; an unread body is dropped."""
        if self._disconnected is None:
            self._disconnected = asyncio.create_task(self._watch())
        await asyncio.shield(self._disconnected)

    async def _watch(self) -> None:
        while (await self._receive())["type"] != "http.disconnect":
            pass

    def response_empty(self, status: int, headers: Headers) -> None:
        """Answer without a body."""
        self.response_bytes(status, headers, b"")

    def response_str(self, status: int, headers: Headers, body: str) -> None:
        """Answer with text."""
        self.response_bytes(status, headers, body.encode())

    def response_bytes(self, status: int, headers: Headers, body: bytes) -> None:
        """Answer with a complete body. It is sent when the application returns, since RSGI does not wait here."""
        if self._stream is not None:
            self._stream.abort("answered again in mid-body")
        self.buffered = BufferedResponse(status, headers, body)

    def response_stream(self, status: int, headers: Headers) -> "RsgiTransport":
        """Begin a streamed response; its head is sent with the first chunk."""
        self._stream = RsgiTransport(self._send, status, headers)
        return self._stream

    async def finish(self) -> None:
        """Send what is still to be sent."""
        if self._stream is not None:
            await self._stream.finish()
        elif self.buffered is not None:
            status, headers, body = self.buffered
            await self._send(_start(status, headers))
            await self._send({"type": "http.response.body", "body": body})

    async def end(self) -> None:
        """Release the request.

        Raises:
            Aborted: the streamed body was aborted.
        """
        if self._disconnected is not None:
            self._disconnected.cancel()
        if self._stream is not None:
            await self._stream.end()


class RsgiTransport:
    """A streamed response body."""

    def __init__(self, send: Send, status: int, headers: Headers) -> None:
        self.status = status
        self._send = send
        self._head: Message | None = _start(status, headers)
        self._failure: str | None = None
        self._until: Waiting | None = None

    async def send_bytes(self, chunk: bytes | bytearray) -> None:
        """Send a chunk; return when the server accepts more, which is the flow control."""
        await self._begin()
        if type(chunk) is not bytes:  # ASGI says bytes, and Daphne wants nothing else
            chunk = bytes(chunk)
        await self._send({"type": "http.response.body", "body": chunk, "more_body": True})

    async def send_str(self, chunk: str) -> None:
        """Send a chunk of text."""
        await self.send_bytes(chunk.encode())

    def abort(self, reason: str, until: Waiting | None = None) -> None:
        """Abort the body: it is never ended, so the client sees that it is incomplete.

        `until`, which gets `taken`, is awaited first.
        """
        self._failure, self._until = reason, until

    async def taken(self) -> None:
        """Return once the server accepts more, or the client has disconnected."""
        await self._send({"type": "http.response.body", "body": b"", "more_body": True})

    async def finish(self) -> None:
        """End the body, unless it was aborted."""
        if self._failure is None:
            await self._begin()
            await self._send({"type": "http.response.body", "body": b""})

    async def end(self) -> None:
        """Raise `Aborted` if the body was aborted."""
        if self._failure is not None:
            if self._until is not None:
                await self._until(self.taken)
            raise Aborted(self._failure)

    async def _begin(self) -> None:
        if self._head is not None:
            head, self._head = self._head, None
            await self._send(head)


def _start(status: int, headers: Headers) -> Message:
    raw = [(name.lower().encode("latin-1"), value.encode("latin-1")) for name, value in headers]
    # Velithon puts its own name into some answers; the web server names itself.
    raw = [(name, value) for name, value in raw if name != b"server"]
    return {"type": "http.response.start", "status": status, "headers": raw}
