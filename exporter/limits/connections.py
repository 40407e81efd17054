"""Clients' connections while bodies are sent on them: if one closes during a body, it is reset.

If a connection closes during a body without a length, many clients take that for the end of the body: urllib by lines
after a complete chunk, wget even within one. A reset is an error for all of them. SO_LINGER turns every close of the
socket into a reset, even by the kernel when this process dies.

Over HTTP/2 the web server can end a body only after the client has read what was sent before. So if a client reads
nothing, its whole connection is reset.
"""

import asyncio
import logging
import socket

from velithon.datastructures import Scope

from exporter.limits.connection import Connection
from exporter.limits.room import Room
from exporter.limits.slow_clients import SlowClient
from exporter.limits.sockets import Ends, Sockets, ends_of

_TICK_SECONDS = 0.02
"""Interval for checking connections whose bodies have ended. In that time, a web server that can write has written."""
_TIMES_AS_LONG = 10
"""As many stall timeouts as the kernel waits for the end of a body, which may still be read although nobody waits."""
_USUAL_STALL = 60
"""Seconds to use if there is no stall timeout: clients are then aborted only when others displace them."""
_PATIENCE_SECONDS = 2.0
"""How long a response waits for room, which reading clients free soon, before a connection is reset for it."""
_MOST_UNREAD = 64 * 2**20
"""Bytes of buffered responses and aborted bodies that may be kept for their clients."""

log = logging.getLogger(__name__)


class Connections:
    """The connections of one worker on which bodies are being sent or have just ended."""

    def __init__(self, stall: float = 0, most_unread: int = _MOST_UNREAD, *, touches: bool = True) -> None:
        """Take the seconds that a client may read nothing (0: forever), and the bytes that may be kept in all.

        Unless it `touches` sockets, no connection is held or reset.
        """
        self._stall = stall
        self._touches = touches
        self._room = Room(most_unread)
        self._sockets = Sockets()
        self._held: dict[Ends, Connection] = {}
        self._ticking = False

    @property
    def unread(self) -> int:
        """Bytes of buffered responses and aborted bodies that are kept for their clients."""
        return self._room.taken

    async def begin(self, scope: Scope, size: int = 0) -> Connection | None:
        """Hold the connection of a request whose body begins; `size` bytes are kept until the body has ended.

        Return None if the connection cannot be found (Unix sockets).
        """
        if size:
            await self._room.wait(size, _PATIENCE_SECONDS)
        connection = None
        try:
            connection = await self._found(scope)
        finally:
            if connection is None:
                self._room.give_back(size)
        if connection is None:
            return None
        connection.begin()
        connection.unread += size
        self._bound()
        return connection

    async def _found(self, scope: Scope) -> Connection | None:
        ends = ends_of(scope) if self._touches else None
        connection = self._holding(ends) if ends else None
        if connection is None and ends is not None:
            found = await self._sockets.find(ends)
            return self._hold(ends, found) if found else None
        return connection

    def end(self, connection: Connection, size: int = 0) -> None:
        """End a body normally: the connection is released once the kernel has all of it."""
        connection.bodies -= 1
        if not connection.held:
            return
        connection.unread -= size
        if size and not connection.has_room():
            connection.owed += size
        else:
            self._room.give_back(size)
        connection.ended = asyncio.get_running_loop().time()
        self._reset_if_stuck(connection)
        self._watch()

    def abort(self, connection: Connection, error: BaseException, *, secured: bool) -> None:
        """Abort the only body of a connection; `secured` says whether it uses TLS."""
        self._forget(connection)
        # A client that reads nothing would not see an alert either, and would keep the connection.
        if isinstance(error, SlowClient) or not (secured and connection.abort_tls()):
            connection.reset()

    def abort_stream(self, connection: Connection, kept: int = 0) -> None:
        """Abort one of several bodies because its client does not read it; the web server keeps `kept` more bytes.

        The connection is reset too, unless another of its bodies may be read.
        """
        connection.stuck += 1
        if self._stall:
            connection.set_user_timeout(self._stall)
        self._room.take(kept)
        connection.unread += kept
        self._reset_if_stuck(connection)
        self._bound()

    def end_stream(self, connection: Connection, kept: int) -> None:
        """End an aborted body: its client has read what was kept, or has disconnected."""
        connection.stuck -= 1
        connection.bodies -= 1
        if connection.held:
            connection.unread -= kept
            self._room.give_back(kept)
            self._watch()

    def release(self) -> None:
        """Release all connections whose bodies have ended; the web server has ended too, so the kernel has all data."""
        for connection in self._ended():
            self._release(connection)

    def _holding(self, ends: Ends) -> Connection | None:
        connection = self._held.get(ends)
        if connection is None or connection.is_open():
            return connection
        self._forget(connection)
        if not connection.bodies:
            connection.release()
        return None

    def _hold(self, ends: Ends, found: socket.socket) -> Connection:
        connection = self._held.get(ends)
        if connection is None:
            connection = self._held[ends] = Connection(ends, found)
        else:  # the search for another of its streams was faster
            found.close()
        return connection

    def _bound(self) -> None:
        """Reset the connections that hold the most unread bytes, until the total is within the limit."""
        while self._room.is_too_much and self._held:
            most = max(self._held.values(), key=lambda held: held.unread + held.owed)
            self._reset(most, "it holds the most unread bytes")

    def _reset_if_stuck(self, connection: Connection) -> None:
        """Reset a connection if none of its bodies is being read, and none has just ended that may still be read."""
        if not (connection.held and 0 < connection.stuck == connection.bodies):
            return
        loop = asyncio.get_running_loop()
        until = connection.ended + _TIMES_AS_LONG * (self._stall or _USUAL_STALL)
        if until <= loop.time():
            self._reset(connection, "its client reads nothing")
        else:
            loop.call_at(until, self._reset_if_stuck, connection)

    def _reset(self, connection: Connection, why: str) -> None:
        log.info("connection reset", extra={"fields": {"address": connection.ends.host, "reason": why}})
        self._forget(connection)
        connection.reset()

    def _release(self, connection: Connection) -> None:
        self._forget(connection)
        connection.release()

    def _forget(self, connection: Connection) -> None:
        if connection.held:
            connection.held = False
            self._room.give_back(connection.unread + connection.owed)
        if self._held.get(connection.ends) is connection:
            del self._held[connection.ends]

    def _ended(self) -> list[Connection]:
        return [connection for connection in self._held.values() if not connection.bodies]

    def _watch(self) -> None:
        if not self._ticking:
            self._ticking = True
            self._later()

    def _later(self) -> None:
        asyncio.get_running_loop().call_later(_TICK_SECONDS, self._tick)

    def _tick(self) -> None:
        watched = [connection for connection in self._held.values() if not connection.bodies or connection.owed]
        for connection in watched:
            if connection.has_been_idle():
                self._read(connection)
        self._ticking = bool(watched)
        if watched:
            self._later()

    def _read(self, connection: Connection) -> None:
        self._room.give_back(connection.owed)
        connection.owed = 0
        if not connection.bodies:
            self._release(connection)
