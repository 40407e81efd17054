"""Holding a client's connection while a response body is sent."""

from collections.abc import Awaitable, Callable
from types import TracebackType
from typing import TYPE_CHECKING

from velithon.datastructures import Scope

from exporter.http.versions import multiplexed
from exporter.limits.connections import Connections
from exporter.limits.slow_clients import SlowClient

if TYPE_CHECKING:
    from exporter.limits.connection import Connection

_KEPT_BYTES = 1 << 18
"""What the web server may hold of an aborted export: the messages that it accepts ahead, and its buffer."""


class Body:
    """Holds the connection while a response body is sent; an error inside aborts the body."""

    def __init__(self, connections: Connections, scope: Scope, size: int = 0) -> None:
        """Take the request, and the bytes that are kept for its client until the body has ended."""
        self._connections = connections
        self._scope = scope
        self._size = size
        self._connection: Connection | None = None
        self._stuck = False

    async def __aenter__(self) -> None:
        """Hold the connection."""
        self._connection = await self._connections.begin(self._scope, self._size)

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Release the connection, or reset it."""
        if self._connection is None:
            return
        shared = multiplexed(self._scope)
        if error is None or (shared and not isinstance(error, SlowClient)):
            self._connections.end(self._connection, self._size)
        elif shared:
            self._stuck = True
            kept = 0 if self._size else _KEPT_BYTES
            self._size += kept
            self._connections.abort_stream(self._connection, kept)
        else:
            self._connections.abort(self._connection, error, secured=self._scope.scheme == "https")

    def acknowledged(self) -> int | None:
        """Return how many bytes the client's system has acknowledged; None if the connection may carry other bodies."""
        if self._connection is None or multiplexed(self._scope):
            return None
        return self._connection.acknowledged()

    async def drained(self, taken: Callable[[], Awaitable[object]]) -> None:
        """Wait until nothing is kept of an unread stream that was aborted, which is when `taken` returns.

        The web server cannot end the stream earlier.
        """
        if self._stuck and self._connection is not None:
            try:
                await taken()
            finally:
                self._connections.end_stream(self._connection, self._size)
