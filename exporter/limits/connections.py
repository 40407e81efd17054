"""Client connections that nobody reads any more.

A web server that is to end a body sends what it has buffered first, so a client that does not read would keep its
connection, and the server's descriptor of it, for as long as it likes. Whom an export waits for in vain is cut at once;
who leaves the end of a body unread, by the kernel and later.
"""

import asyncio
import os
import socket
import struct
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

_NO_LINGERING = struct.pack("ii", 1, 0)


_TIMES_AS_LONG = 10
"""The kernel sees room for whole packets only, so it has to be more patient than an export with a slow reader."""
_AGAIN_SECONDS = 0.01
_SEARCH_SECONDS = 30


async def bound_unread(stall: float) -> None:
    """Have the kernel reset every connection that takes nothing for ten times `stall` seconds.

    A connection has the setting of the socket that it was accepted from (RFC 5482; Linux only).
    """
    if not stall or not hasattr(socket, "TCP_USER_TIMEOUT"):
        return
    milliseconds = min(round(_TIMES_AS_LONG * stall * 1000), 2**31 - 1)
    for _ in range(round(_SEARCH_SECONDS / _AGAIN_SECONDS)):  # the server listens only after the start
        found = False
        for one in _sockets():
            with one:
                if _listens(one):
                    one.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, milliseconds)
                    found = True
        if found:
            return
        await asyncio.sleep(_AGAIN_SECONDS)


def cut(client: str) -> None:
    """Reset the connection of a client, given as `host:port`; nothing that it has not read yet will be."""
    for connection in _of(client):
        with suppress(OSError):  # it has ended meanwhile
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _NO_LINGERING)
            connection.shutdown(socket.SHUT_RDWR)


def cut_unless_read(client: str, seconds: float) -> None:
    """Have the kernel reset the connection of a client once it has taken nothing for so long (RFC 5482; Linux only)."""
    if seconds and hasattr(socket, "TCP_USER_TIMEOUT"):
        for connection in _of(client):
            with suppress(OSError):  # as above
                connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, round(seconds * 1000))


def _of(client: str) -> Iterator[socket.socket]:
    host, _, port = client.rpartition(":")
    for connection in _sockets():
        with connection:
            if _peer(connection) == (host, port):
                yield connection


def _listens(connection: socket.socket) -> bool:
    internet = connection.family in (socket.AF_INET, socket.AF_INET6)
    return internet and bool(connection.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN))


def _peer(connection: socket.socket) -> tuple[str, str] | None:
    try:
        host, port = connection.getpeername()[:2]
    except (OSError, ValueError):  # it listens, or is no socket of the internet
        return None
    return host, str(port)


def _sockets() -> Iterator[socket.socket]:
    """Yield a copy of every socket of this process: no web server says which one is a request's."""
    with suppress(OSError):
        for descriptor in Path("/dev/fd").iterdir():
            with suppress(OSError):  # it is no socket, or was closed meanwhile
                yield _copy(int(descriptor.name))


def _copy(descriptor: int) -> socket.socket:
    copy = os.dup(descriptor)
    try:
        return socket.socket(fileno=copy)
    except OSError:
        os.close(copy)
        raise
