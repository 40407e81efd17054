"""Finds the socket of a request among this process's descriptors, by its addresses; web servers do not tell it."""

import asyncio
import os
import socket
from collections.abc import AsyncGenerator, Collection, Iterable, Iterator
from contextlib import aclosing, suppress
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from velithon.datastructures import Scope

_DESCRIPTORS = "/dev/fd"
_AT_ONCE = 32
"""Descriptors to look at in one turn of the event loop, which takes about a tenth of a millisecond."""
_REMEMBERED = 4096
_LATEST = 8
"""A new connection usually gets the number of one that has just closed."""


class Ends(NamedTuple):
    """What identifies a client's connection."""

    host: str
    port: int
    local_port: int


def ends_of(scope: "Scope") -> Ends | None:
    """Return the ends of a request's connection, if it uses TCP.

    Servers report only the local port, not which of their addresses the client connected to.
    """
    host, _, port = scope.client.rpartition(":")
    local_port = scope.server.rpartition(":")[2]
    return Ends(_plain(host), int(port), int(local_port)) if port.isdigit() and local_port.isdigit() else None


class Sockets:
    """Finds clients' connections, and remembers their descriptors."""

    def __init__(self) -> None:
        self._found: dict[Ends, int] = {}

    async def find(self, ends: Ends) -> socket.socket | None:
        """Return a duplicate of the socket between these ends; None if it cannot be found on this system."""
        for descriptor in self._likely(ends):
            if found := _copy_between(descriptor, ends):
                return self._remembering(ends, descriptor, found)
        async with aclosing(_descriptors()) as descriptors:
            async for descriptor in descriptors:
                if found := _copy_between(descriptor, ends):
                    return self._remembering(ends, descriptor, found)
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
    """Yield a duplicate of every socket that this process accepts connections from."""
    with suppress(OSError):
        for path in Path(_DESCRIPTORS).iterdir():
            if copy := _copy(int(path.name)):
                with copy:
                    if _accepts(copy):
                        yield copy


def listening_ports() -> dict[int, int]:
    """Return the ports at which this process accepts connections, by descriptor."""
    with suppress(OSError):
        found = {int(path.name): _listened_at(int(path.name)) for path in Path(_DESCRIPTORS).iterdir()}
        return {descriptor: port for descriptor, port in found.items() if port is not None}
    return {}


def is_listening(descriptor: int) -> bool:
    """Return whether a descriptor is a listening socket."""
    return _listened_at(descriptor) is not None


async def clients(ports: Collection[int]) -> AsyncGenerator[tuple[Ends, int]]:
    """Yield the ends and descriptor of every connection that this process accepted at one of these ports."""
    async with aclosing(_descriptors()) as descriptors:
        async for descriptor in descriptors:
            if (ends := _ends_at(descriptor)) and ends.local_port in ports:
                yield ends, descriptor


def hang_up(ends: Ends, descriptor: int) -> None:
    """Make the web server see the end of the client's data, if the descriptor still belongs to this connection.

    The web server then sends what it has, and closes its descriptor.
    """
    if copy := _copy_between(descriptor, ends):
        with copy, suppress(OSError):  # it has ended in the meantime
            copy.shutdown(socket.SHUT_RD)


async def _descriptors() -> AsyncGenerator[int]:
    """Yield every descriptor of this process, a few in one turn of the event loop."""
    with suppress(OSError), os.scandir(_DESCRIPTORS) as entries:
        while some := [int(entry.name) for entry in islice(entries, _AT_ONCE)]:
            for descriptor in some:
                yield descriptor
            await asyncio.sleep(0)


def _ends_at(descriptor: int) -> Ends | None:
    copy = _copy(descriptor)
    if copy is None:
        return None
    with copy:
        try:
            peer, own = copy.getpeername(), copy.getsockname()
            return Ends(_plain(peer[0]), peer[1], own[1])
        except (OSError, IndexError, TypeError):  # it is no longer connected, or not an internet socket
            return None


def _listened_at(descriptor: int) -> int | None:
    copy = _copy(descriptor)
    if copy is None:
        return None
    with copy:
        return int(copy.getsockname()[1]) if _accepts(copy) else None


def _accepts(copy: socket.socket) -> bool:
    of_internet = copy.family in (socket.AF_INET, socket.AF_INET6)
    return of_internet and bool(copy.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN))


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
    except (OSError, IndexError, TypeError):  # it is no longer connected, or not an internet socket
        return False


def _copy(descriptor: int) -> socket.socket | None:
    """Return a duplicate, which stays the same socket even if the number is reused; None if it is not a TCP socket."""
    copy = -1
    try:
        copy = os.dup(descriptor)
        return socket.socket(-1, socket.SOCK_STREAM, 0, copy)
    except OSError:  # it is not a socket, or was closed in the meantime
        if copy >= 0:
            os.close(copy)
        return None


def _plain(host: str) -> str:
    """Return an address without its zone and without an IPv4-mapped prefix; servers write addresses differently."""
    return host.partition("%")[0].removeprefix("::ffff:") if ":" in host else host
