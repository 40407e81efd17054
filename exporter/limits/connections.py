"""Clients' connections while bodies run on them: such a one is reset if it ends, however it ends.

A body without a length is cut wherever its connection ends, but many clients take that end for the body's: urllib read
by lines after a whole chunk, wget even within one. A reset is an error to all of them. SO_LINGER makes every closing of
the socket a reset, also the kernel's when this process dies.
"""

import asyncio
import select
import socket
import struct
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

from velithon.datastructures import Scope

from exporter.limits.exceeded import Unread
from exporter.limits.sockets import Ends, Sockets, are_ends, ends_of
from exporter.limits.unread import reset_unless_read

_RESET = struct.pack("ii", 1, 0)
_END = struct.pack("ii", 0, 0)
_TICK_SECONDS = 0.02
"""How often those are looked at whose bodies have ended. A web server that could write would have done so meanwhile."""


class Connection:
    """A copy of a client's socket. While it is held, nobody else's closing of the socket takes effect."""

    def __init__(self, found: socket.socket) -> None:
        """Have the connection reset when its last descriptor is closed."""
        self.bodies = 0
        self._socket = found
        self._writable = select.poll()
        self._writable.register(found, select.POLLOUT)
        self._idle = False
        self._linger(_RESET)

    def is_of(self, ends: Ends) -> bool:
        """Return whether it still is the connection of this client, and not one of before."""
        return are_ends(self._socket, ends)

    def begin(self) -> None:
        """Count a body that begins."""
        self.bodies += 1
        self._idle = False

    def has_been_idle(self) -> bool:
        """Return whether there was room in the kernel now and the last time.

        The web server buffers up to some megabytes of a slow reader's body, and writes as soon as it can: so it has
        nothing left.
        """
        before, self._idle = self._idle, bool(self._writable.poll(0))
        return before and self._idle

    def release(self) -> None:
        """Let it end as it likes: all of its bodies are with the kernel."""
        self._linger(_END)
        self._socket.close()

    def reset(self) -> None:
        """End it now: the web server, told that nothing more comes from the client, closes its descriptor."""
        with suppress(OSError):  # it has ended meanwhile
            self._socket.shutdown(socket.SHUT_RD)
        self._socket.close()

    def reset_unless_read(self, seconds: float) -> None:
        """Have the kernel reset it unless it is read."""
        with suppress(OSError):  # as above
            reset_unless_read(self._socket, seconds)

    def _linger(self, how: bytes) -> None:
        with suppress(OSError):  # as above
            self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, how)


class Connections:
    """The connections of one worker on which bodies run, or have just ended."""

    def __init__(self, stall: float = 0) -> None:
        """Take the seconds for which a client may take nothing (0: for ever)."""
        self._stall = stall
        self._sockets = Sockets()
        self._held: dict[Ends, Connection] = {}
        self._ticking = False

    @asynccontextmanager
    async def body(self, scope: Scope) -> AsyncIterator[None]:
        """Hold the connection of a request while its body is sent; a body whose block fails is given up.

        Where the connection cannot be found (Unix sockets), nothing is done.
        """
        ends = ends_of(scope)
        connection = await self._begin(ends) if ends else None
        if ends is None or connection is None:
            yield
            return
        try:
            yield
        except BaseException as error:
            if scope.http_version.startswith("1"):
                self._forget(ends, connection)
                connection.reset()
                raise
            # Others' streams may be on the connection, and be read.
            if isinstance(error, Unread) and self._stall:
                connection.reset_unless_read(self._stall)
            self._end(connection)
            raise
        self._end(connection)

    def release(self) -> None:
        """Let go of all, when the web server has ended and the kernel has everything."""
        for ends, connection in self._ended():
            self._forget(ends, connection)
            connection.release()

    async def _begin(self, ends: Ends) -> Connection | None:
        connection = self._holding(ends)
        if connection is None:
            found = await self._sockets.find(ends)
            if found is None:
                return None
            connection = self._holding(ends)  # another stream's search may have been faster
            if connection is None:
                connection = self._held[ends] = Connection(found)
            else:
                found.close()
        connection.begin()
        return connection

    def _holding(self, ends: Ends) -> Connection | None:
        connection = self._held.get(ends)
        if connection is None or connection.is_of(ends):
            return connection
        self._forget(ends, connection)
        if not connection.bodies:
            connection.release()
        return None

    def _forget(self, ends: Ends, connection: Connection) -> None:
        if self._held.get(ends) is connection:
            del self._held[ends]

    def _ended(self) -> list[tuple[Ends, Connection]]:
        return [(ends, connection) for ends, connection in self._held.items() if not connection.bodies]

    def _end(self, connection: Connection) -> None:
        connection.bodies -= 1
        if not self._ticking:
            self._ticking = True
            self._later()

    def _later(self) -> None:
        asyncio.get_running_loop().call_later(_TICK_SECONDS, self._tick)

    def _tick(self) -> None:
        ended = self._ended()
        for ends, connection in ended:
            if connection.has_been_idle():
                self._forget(ends, connection)
                connection.release()
        self._ticking = bool(ended)
        if ended:
            self._later()
