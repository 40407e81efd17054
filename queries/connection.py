"""The driver's connection, as the rest of this package names it, and how a lost one is noticed."""

import socket
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, TypeAlias

if TYPE_CHECKING:
    import asyncpg

Connection: TypeAlias = "asyncpg.pool.PoolConnectionProxy[asyncpg.Record]"
"""A connection lent by a pool (a string, for the class is generic in asyncpg's stubs only)."""


def encoding_of(connection: Connection) -> str | None:
    """Return the encoding of the database, as the server has said at the start; a pooler may not pass it on."""
    return getattr(connection.get_settings(), "server_encoding", None)


def keep_alive(connection: Any, probes: Mapping[str, int], *, asks: bool) -> None:
    """Have the kernel notice that the server is gone without a word; an export would wait for its next row for ever.

    Args:
        connection: the driver's.
        probes: options of the socket, by the names of tcp(7).
        asks: whether the kernel is to ask a server that has nothing to say.
    """
    end: socket.socket = connection._transport.get_extra_info("socket")  # noqa: SLF001 - the driver does not show it
    if end.family not in (socket.AF_INET, socket.AF_INET6):
        return
    end.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, int(asks))
    for name, value in probes.items():
        if hasattr(socket, name):
            end.setsockopt(socket.IPPROTO_TCP, getattr(socket, name), value)
