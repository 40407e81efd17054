"""Sockets of this process: no web server says which one is a request's, but the kernel knows the ends of each."""

import asyncio
import os
import socket
from collections.abc import Iterable, Iterator
from contextlib import suppress
from itertools import islice
from pathlib import Path
from typing import NamedTuple

from velithon.datastructures import Scope

_DESCRIPTORS = "/dev/fd"
_AT_ONCE = 32
"""Descriptors that are looked at in one turn of the event loop, which takes about a tenth of a millisecond."""
_REMEMBERED = 4096
_LATEST = 8
"""A new connection mostly has the number of one that has just ended."""


class Ends(NamedTuple):
    """What tells a client's connection from all others."""

    host: str
    port: int
    local_port: int


def ends_of(scope: Scope) -> Ends | None:
    """Return the ends of a request's connection, if it is one of TCP.

    Servers do not say at which of their addresses a client has called, only at which port.
    """
    host, _, port = scope.client.rpartition(":")
    local_port = scope.server.rpartition(":")[2]
    return Ends(_plain(host), int(port), int(local_port)) if port.isdigit() and local_port.isdigit() else None


class Sockets:
    """Finds clients' connections, and remembers where it found them."""

    def __init__(self) -> None:
        self._found: dict[Ends, int] = {}

    async def find(self, ends: Ends) -> socket.socket | None:
        """Return a copy of the socket between these ends; None where the system does not let it be found."""
        for descriptor in self._likely(ends):
            if found := _copy_between(descriptor, ends):
                return self._remembering(ends, descriptor, found)
        with suppress(OSError), os.scandir(_DESCRIPTORS) as entries:
            while some := [int(entry.name) for entry in islice(entries, _AT_ONCE)]:
                for descriptor in some:
                    if found := _copy_between(descriptor, ends):
                        return self._remembering(ends, descriptor, found)
                await asyncio.sleep(0)
        return None

    def _likely(self, ends: Ends) -> Iterable[int]:
        known = self._found.get(ends)
        return (known,) if known is not None else dict.fromkeys(islice(reversed(self._found.values()), _LATEST))

    def _remembering(self, ends: Ends, descriptor: int, found: socket.socket) -> socket.socket:
        self._found.pop(ends, None)  # the latest are at the end
        self._found[ends] = descriptor
        if len(self._found) > _REMEMBERED:
            del self._found[next(iter(self._found))]
        return found


def listening() -> Iterator[socket.socket]:
    """Yield a copy of every socket that this process accepts connections from."""
    with suppress(OSError):
        for path in Path(_DESCRIPTORS).iterdir():
            if copy := _copy(int(path.name)):
                with copy:
                    if copy.family in (socket.AF_INET, socket.AF_INET6) and _accepts(copy):
                        yield copy


def _accepts(copy: socket.socket) -> bool:
    return bool(copy.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN))


def _copy_between(descriptor: int, ends: Ends) -> socket.socket | None:
    copy = _copy(descriptor)
    if copy is None or are_ends(copy, ends):
        return copy
    copy.close()
    return None


def are_ends(connection: socket.socket, ends: Ends) -> bool:
    """Return whether a socket is connected between these ends."""
    try:
        peer = connection.getpeername()
        return peer[1] == ends.port and _plain(peer[0]) == ends.host and connection.getsockname()[1] == ends.local_port
    except (OSError, IndexError, TypeError):  # it is connected no more, or is no socket of the internet
        return False


def _copy(descriptor: int) -> socket.socket | None:
    """Return a copy, which stays the same socket whatever becomes of the number; None if it is no socket of TCP."""
    copy = -1
    try:
        copy = os.dup(descriptor)
        return socket.socket(-1, socket.SOCK_STREAM, 0, copy)
    except OSError:  # it is no socket, or was closed meanwhile
        if copy >= 0:
            os.close(copy)
        return None


def _plain(host: str) -> str:
    """Return an address without its zone, and one of IPv4 as such: servers write them in one way or the other."""
    return host.partition("%")[0].removeprefix("::ffff:") if ":" in host else host
