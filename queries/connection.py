"""The type of the driver's connections, and how a lost connection is noticed."""

import socket
from collections.abc import Mapping
from typing import Any, TypeAlias

import asyncpg

Connection: TypeAlias = "asyncpg.pool.PoolConnectionProxy[asyncpg.Record]"
"""A connection lent by a pool (a string, for the class is generic in asyncpg's stubs only)."""


def driver_of(connection: Connection) -> Any:
    """Return the driver's connection behind one that a pool has lent.

    Raises:
        asyncpg.InterfaceError: the connection was lost, and the pool has taken it back.
    """
    driver: Any = connection
    lent = getattr(driver, "_con", driver)
    if lent is None or lent.is_closed():
        raise asyncpg.InterfaceError("the connection was lost")
    return lent


def is_lost(connection: Connection) -> bool:
    """Return whether a connection cannot be used any more."""
    try:
        driver_of(connection)
    except asyncpg.InterfaceError:
        return True
    return False


def encoding_of(connection: Connection) -> str | None:
    """Return the database's encoding, as the server reported it at connection start; a pooler may not pass it on."""
    return getattr(connection.get_settings(), "server_encoding", None)


def text_encoding(connection: Connection) -> str:
    """Return the encoding to ask for text in, which is UTF-8 if it is valid: UTF8, or SQL_ASCII from such a database.

    From SQL_ASCII, which holds any bytes, the server converts nothing. Asked for UTF8 it would only check the text, and
    fail without saying where. Asked for SQL_ASCII it sends the bytes, for `queries.utf8` to check.
    """
    return "SQL_ASCII" if encoding_of(connection) == "SQL_ASCII" else "UTF8"


def keep_alive(connection: Any, probes: Mapping[str, int], *, asks: bool) -> None:
    """Have the kernel detect a server that disappeared; otherwise an export would wait for its next row forever.

    Args:
        connection: the driver's.
        probes: socket options, by their names in tcp(7).
        asks: whether the kernel probes an idle connection.
    """
    end: socket.socket = connection._transport.get_extra_info("socket")  # noqa: SLF001 - the driver does not show it
    if end.family not in (socket.AF_INET, socket.AF_INET6):
        return
    end.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, int(asks))
    for name, value in probes.items():
        if hasattr(socket, name):
            end.setsockopt(socket.IPPROTO_TCP, getattr(socket, name), value)
