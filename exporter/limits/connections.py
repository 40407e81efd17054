"""Clients' connections while bodies run on them: such a one is reset if it ends, however it ends.

A body without a length is cut wherever its connection ends, but many clients take that end for the body's: urllib read
by lines after a whole chunk, wget even within one. A reset is an error to all of them. SO_LINGER makes every closing of
the socket a reset, also the kernel's when this process dies.

Of HTTP/2 the web server can end a body only when its client has taken what came before, so those of a client that takes
nothing go with their connection.
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
"""How often those are looked at whose bodies have ended. A web server that could write would have done so meanwhile."""
_TIMES_AS_LONG = 10
"""As patient as the kernel is with the end of a body: it may still be read though nobody waits for that."""
_USUAL_STALL = 60
"""Seconds, where there is no such limit: who was given up then gave way to others."""
_PATIENCE_SECONDS = 2.0
"""For how long an answer waits for room, which those who read make soon, before somebody is given up for it."""
_MOST_UNREAD = 64 * 2**20
"""Bytes of whole answers, and of bodies that were given up, which may wait for their clients."""

log = logging.getLogger(__name__)


class Connections:
    """The connections of one worker on which bodies run, or have just ended."""

    def __init__(self, stall: float = 0, most_unread: int = _MOST_UNREAD, *, touches: bool = True) -> None:
        """Take the seconds for which a client may take nothing (0: for ever), and the bytes that may wait in all."""
        self._stall = stall
        self._touches = touches
        self._room = Room(most_unread)
        self._sockets = Sockets()
        self._held: dict[Ends, Connection] = {}
        self._ticking = False

    @property
    def unread(self) -> int:
        """Bytes of whole answers, and of bodies that were given up, which wait for their clients."""
        return self._room.taken

    async def begin(self, scope: Scope, size: int = 0) -> Connection | None:
        """Hold the connection of a request whose body, of `size` bytes that are kept until it has ended, begins.

        Return None where there is none to be found (Unix sockets).
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
        """End a body well: the connection is released once all of it is with the kernel."""
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

    def give_up(self, connection: Connection, error: BaseException, *, secured: bool) -> None:
        """Cut the only body of a connection, which is one of TLS or not."""
        self._forget(connection)
        # Who reads nothing would not see a record either, and would keep the connection until then.
        if isinstance(error, SlowClient) or not (secured and connection.abort_tls()):
            connection.reset()

    def give_up_stream(self, connection: Connection, kept: int = 0) -> None:
        """Give up one of several bodies that its client does not read; `kept` bytes more remain with the web server.

        The connection goes too, unless another body of it may be read.
        """
        connection.stuck += 1
        if self._stall:
            connection.set_user_timeout(self._stall)
        self._room.take(kept)
        connection.unread += kept
        self._reset_if_stuck(connection)
        self._bound()

    def end_stream(self, connection: Connection, kept: int) -> None:
        """End a body that was given up: its client has taken what was kept, or has left."""
        connection.stuck -= 1
        connection.bodies -= 1
        if connection.held:
            connection.unread -= kept
            self._room.give_back(kept)
            self._watch()

    def release(self) -> None:
        """Let go of all whose bodies have ended, when the web server has ended too: the kernel has everything."""
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
        else:  # the search for another stream of it was faster
            found.close()
        return connection

    def _bound(self) -> None:
        """Give up whoever has most of what waits, while that is too much."""
        while self._room.is_too_much and self._held:
            most = max(self._held.values(), key=lambda held: held.unread + held.owed)
            self._reset(most, "it holds the most unread bytes")

    def _reset_if_stuck(self, connection: Connection) -> None:
        """Reset a connection of which no body is read, and none has just ended that may still be."""
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
