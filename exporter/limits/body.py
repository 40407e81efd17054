"""The time in which the body of an answer is sent."""

from collections.abc import Awaitable, Callable
from types import TracebackType
from typing import TYPE_CHECKING

from velithon.datastructures import Scope

from exporter.http.versions import multiplexed
from exporter.limits.connections import Connections
from exporter.limits.given_up import Unread

if TYPE_CHECKING:
    from exporter.limits.connection import Connection

_KEPT_BYTES = 1 << 18
"""What the web server may hold of an export that was given up: as many messages as it takes ahead, and its buffer."""


class Body:
    """The time in which a request's body is sent; one that is left by an error is given up."""

    def __init__(self, connections: Connections, scope: Scope, size: int = 0) -> None:
        """Take the request, and how many bytes are kept for its client until the body has ended."""
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
        """Let it go, or reset it."""
        if self._connection is None:
            return
        shared = multiplexed(self._scope)
        if error is None or (shared and not isinstance(error, Unread)):
            self._connections.end(self._connection, self._size)
        elif shared:
            self._stuck = True
            kept = 0 if self._size else _KEPT_BYTES
            self._size += kept
            self._connections.give_up_stream(self._connection, kept)
        else:
            self._connections.give_up(self._connection, error, secured=self._scope.scheme == "https")

    def acknowledged(self) -> int | None:
        """Return how much the client's system has taken so far on the connection, where it carries nothing else."""
        if self._connection is None or multiplexed(self._scope):
            return None
        return self._connection.acknowledged()

    async def left(self, taken: Callable[[], Awaitable[object]]) -> None:
        """Wait until nothing is kept of a stream that was given up unread, which the end of `taken` tells.

        The web server cannot end it before.
        """
        if self._stuck and self._connection is not None:
            try:
                await taken()
            finally:
                self._connections.end_stream(self._connection, self._size)
