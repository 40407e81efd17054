"""Clients' connections while bodies run on them: such a one is reset if it ends, however it ends.

A body without a length is cut wherever its connection ends, but many clients take that end for the body's: urllib read
by lines after a whole chunk, wget even within one. A reset is an error to all of them. SO_LINGER makes every closing of
the socket a reset, also the kernel's when this process dies.
"""

import asyncio
import select
import socket
import struct
from contextlib import suppress
from types import TracebackType

from velithon.datastructures import Scope

from exporter.limits.exceeded import Unread
from exporter.limits.sockets import Ends, Sockets, are_ends, ends_of
from exporter.limits.unread import reset_unless_read

_RESET = struct.pack("ii", 1, 0)
_END = struct.pack("ii", 0, 0)
_ALERT = b"\x15\x03\x03\x00\x02\x02\x50"
"""An alert (RFC 8446, section 6: fatal, internal_error) in plain text, which is an error wherever TLS has its keys."""
_TICK_SECONDS = 0.02
"""How often those are looked at whose bodies have ended. A web server that could write would have done so meanwhile."""


class Connection:
    """A copy of a client's socket. While it is held, nobody else's closing of the socket takes effect."""

    def __init__(self, ends: Ends, found: socket.socket) -> None:
        """Have the connection reset when its last descriptor is closed."""
        self.ends = ends
        self.bodies = 0
        self._socket = found
        self._writable = select.poll()
        self._writable.register(found, select.POLLOUT)
        self._idle = False
        self._linger(_RESET)

    def is_open(self) -> bool:
        """Return whether its ends are still its own; the client may have come back by another connection."""
        return are_ends(self._socket, self.ends)

    def begin(self) -> None:
        """Count a body that begins."""
        self.bodies += 1
        self._idle = False

    def has_been_idle(self) -> bool:
        """Return whether there was room in the kernel both now and the last time.

        The web server holds more than a megabyte of a slow reader's body, and writes as soon as it can: so there is
        nothing left with it.
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

    def spoil(self) -> bool:
        """End it now as TLS reports: Python's `ssl` takes a reset for an end. Return False where there is no room."""
        try:
            self._socket.send(_ALERT, socket.MSG_DONTWAIT)
        except OSError:
            return False
        self._linger(_END)  # a reset might overtake the alert
        with suppress(OSError):  # as above
            self._socket.shutdown(socket.SHUT_RDWR)
        self._socket.close()
        return True

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

    async def begin(self, scope: Scope) -> Connection | None:
        """Hold the connection of a request whose body begins; None where there is none to be found (Unix sockets)."""
        ends = ends_of(scope)
        if ends is None:
            return None
        connection = self._holding(ends)
        if connection is None:
            found = await self._sockets.find(ends)
            if found is None:
                return None
            connection = self._hold(ends, found)
        connection.begin()
        return connection

    def end(self, connection: Connection) -> None:
        """End a body well: the connection is released once all of it is with the kernel."""
        connection.bodies -= 1
        if not self._ticking:
            self._ticking = True
            self._later()

    def give_up(self, connection: Connection, error: BaseException, *, secured: bool) -> None:
        """Cut the only body of a connection, which is one of TLS or not."""
        self._forget(connection)
        # Who reads nothing would not see a record either, and would keep the connection until then.
        if isinstance(error, Unread) or not (secured and connection.spoil()):
            connection.reset()

    def give_up_stream(self, connection: Connection, error: BaseException) -> None:
        """Leave one of several bodies, which the web server cuts: the others may be read."""
        if isinstance(error, Unread) and self._stall:
            connection.reset_unless_read(self._stall)
        self.end(connection)

    def release(self) -> None:
        """Let go of all whose bodies have ended, when the web server has ended too: the kernel has everything."""
        for connection in self._ended():
            self._release(connection)

    def _holding(self, ends: Ends) -> Connection | None:
        connection = self._held.get(ends)
        if connection is None or connection.is_open():
            return connection
        del self._held[ends]
        if not connection.bodies:
            connection.release()
        return None

    def _hold(self, ends: Ends, found: socket.socket) -> Connection:
        connection = self._held.get(ends)
        if connection is None:
            connection = self._held[ends] = Connection(ends, found)
        else:  # the search for another stream of it was faster
            found.close()
        return connection

    def _release(self, connection: Connection) -> None:
        self._forget(connection)
        connection.release()

    def _forget(self, connection: Connection) -> None:
        if self._held.get(connection.ends) is connection:
            del self._held[connection.ends]

    def _ended(self) -> list[Connection]:
        return [connection for connection in self._held.values() if not connection.bodies]

    def _later(self) -> None:
        asyncio.get_running_loop().call_later(_TICK_SECONDS, self._tick)

    def _tick(self) -> None:
        ended = self._ended()
        for connection in ended:
            if connection.has_been_idle():
                self._release(connection)
        self._ticking = bool(ended)
        if ended:
            self._later()


class Body:
    """The time in which a request's body is sent; one that is left by an error is given up."""

    def __init__(self, connections: Connections, scope: Scope) -> None:
        """Take the request."""
        self._connections = connections
        self._scope = scope
        self._connection: Connection | None = None

    async def __aenter__(self) -> None:
        """Hold the connection."""
        self._connection = await self._connections.begin(self._scope)

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Let it go, or reset it."""
        if self._connection is None:
            return
        if error is None:
            self._connections.end(self._connection)
        elif self._scope.http_version.startswith("1"):
            self._connections.give_up(self._connection, error, secured=self._scope.scheme == "https")
        else:
            self._connections.give_up_stream(self._connection, error)
