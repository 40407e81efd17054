"""Connections whose client leaves the end of a body unread.

A web server that is to end a connection sends what it has buffered first, so such a client would keep its connection,
and the server's descriptor of it, for as long as it likes. The kernel ends it.
"""

import asyncio
import socket

from exporter.limits.sockets import listening

_TIMES_AS_LONG = 10
"""The kernel sees room for whole packets only, so it has to be more patient than an export with a slow reader."""
_AGAIN_SECONDS = 0.01
_SEARCH_SECONDS = 30


async def set_on_listeners(stall: float) -> None:
    """Have the kernel reset every connection that takes nothing for ten times `stall` seconds.

    A connection has the setting of the socket that it was accepted from.
    """
    if not stall:
        return
    for _ in range(round(_SEARCH_SECONDS / _AGAIN_SECONDS)):  # the server listens only after the start
        found = False
        for one in listening():
            set_user_timeout(one, _TIMES_AS_LONG * stall)
            found = True
        if found:
            return
        await asyncio.sleep(_AGAIN_SECONDS)


def set_user_timeout(one: socket.socket, seconds: float) -> None:
    """Have the kernel reset a connection once it has taken nothing for so long (RFC 5482; Linux only)."""
    if hasattr(socket, "TCP_USER_TIMEOUT"):
        one.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, min(round(seconds * 1000), 2**31 - 1))
