"""The driver's connection, as the rest of this package names it, and how a lost one is noticed."""

import socket
from typing import TYPE_CHECKING, Any, TypeAlias

if TYPE_CHECKING:
    import asyncpg

Connection: TypeAlias = "asyncpg.pool.PoolConnectionProxy[asyncpg.Record]"
"""A connection lent by a pool (a string, for the class is generic in asyncpg's stubs only)."""

_PROBES = {"TCP_KEEPIDLE": 30, "TCP_KEEPINTVL": 10, "TCP_KEEPCNT": 3, "TCP_USER_TIMEOUT": 60_000}
"""tcp(7): seconds, seconds, probes, milliseconds. A server whose machine has died is given up after a minute."""


def keep_alive(connection: Any) -> None:
    """Have the kernel notice that the server is gone without a word; an export would wait for its next row for ever."""
    end: socket.socket = connection._transport.get_extra_info("socket")  # noqa: SLF001 - the driver does not show it
    if end.family not in (socket.AF_INET, socket.AF_INET6):
        return
    end.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    for name, value in _PROBES.items():
        if hasattr(socket, name):
            end.setsockopt(socket.IPPROTO_TCP, getattr(socket, name), value)
