"""TCP's user timeout, for clients that leave the end of a body unread.

Before a web server closes a connection, it sends what it has buffered. So such a client could keep its connection, and
the server's descriptor, forever. With the timeout, the kernel closes it.
"""

import asyncio
import socket

from exporter.limits.sockets import listening

_TIMES_AS_LONG = 10
"""The kernel notices only space for whole packets, so it must wait longer for a slow reader than an export does."""
_AGAIN_SECONDS = 0.01
_SEARCH_SECONDS = 30


async def set_on_listeners(stall: float) -> None:
    """Make the kernel reset every connection on which nothing is read for ten times `stall` seconds.

    Connections inherit the setting of the listening socket.
    """
    if not stall:
        return
    for _ in range(round(_SEARCH_SECONDS / _AGAIN_SECONDS)):  # the server listens only after startup
        found = False
        for one in listening():
            set_user_timeout(one, _TIMES_AS_LONG * stall)
            found = True
        if found:
            return
        await asyncio.sleep(_AGAIN_SECONDS)


def set_user_timeout(one: socket.socket, seconds: float) -> None:
    """Make the kernel reset a connection on which nothing is read for so many seconds (RFC 5482; Linux only)."""
    if hasattr(socket, "TCP_USER_TIMEOUT"):
        one.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, min(round(seconds * 1000), 2**31 - 1))
