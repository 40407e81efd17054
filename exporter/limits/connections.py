"""Client connections that nobody reads any more.

A web server that is to end a body sends what it has buffered first, so a client that does not read would keep its
connection, and the server's descriptor of it, for as long as it likes.
"""

import os
import socket
import struct
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

_NO_LINGERING = struct.pack("ii", 1, 0)


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
