"""The socket that a worker takes connections from, which whoever takes the worker's place has too.

A web server takes connections for as long as an epoll of its process watches that socket. Granian closes it only when
it is told to stop, and then drops the connections of which TLS's handshake has not ended. So a worker that is to be
replaced leaves the socket first. See docs/decisions/renewed-certificate.md. Linux only.
"""

import os
import re
import select
import time
from collections.abc import Callable
from contextlib import suppress
from multiprocessing.connection import Connection
from pathlib import Path

_PROCESS = Path("/proc/self")
_EPOLL = Path("anon_inode:[eventpoll]")
_AGAIN_SECONDS = 0.01


def watching(listener: int) -> list[int]:
    """Return the descriptors of this process's epolls that watch a descriptor."""
    watched = re.compile(rf"^tfd:\s+{listener}\b", re.MULTILINE)
    found = list[int]()
    for path in (_PROCESS / "fd").iterdir():
        with suppress(OSError):  # it was closed meanwhile
            if path.readlink() == _EPOLL and watched.search((_PROCESS / "fdinfo" / path.name).read_text()):
                found.append(int(path.name))
    return found


def leave(listener: int) -> None:
    """Have this process take no more connections from a socket; they are left to the others that have it."""
    for epoll in watching(listener):
        # Two descriptors may be the same epoll's.
        with suppress(OSError), select.epoll.fromfd(os.dup(epoll)) as watcher:
            watcher.unregister(listener)


def follow(parent: Connection, listener: int, leaving: Callable[[], None]) -> None:
    """Tell the parent once connections are taken, and take no more when it says so; `leaving` is called before."""
    while not watching(listener):
        time.sleep(_AGAIN_SECONDS)
    with suppress(EOFError, OSError):  # the parent is gone
        parent.send_bytes(b"serving")
        parent.recv_bytes()
        leaving()
        leave(listener)
