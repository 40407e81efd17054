"""A worker's listening socket, which the worker's replacement shares.

A web server accepts connections while an epoll of its process watches the socket. Granian closes the socket only when
told to stop, and then drops connections whose TLS handshake has not ended. So a worker that is being replaced leaves
the socket first. See docs/decisions/renewed-certificate.md. Linux only.
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
    """Return the descriptors of this process's epolls that watch a given descriptor."""
    watched = re.compile(rf"^tfd:\s+{listener}\b", re.MULTILINE)
    found = list[int]()
    for path in (_PROCESS / "fd").iterdir():
        with suppress(OSError):  # it was closed in the meantime
            if path.readlink() == _EPOLL and watched.search((_PROCESS / "fdinfo" / path.name).read_text()):
                found.append(int(path.name))
    return found


def leave(listener: int) -> None:
    """Stop accepting connections from a socket in this process; other processes that share it go on."""
    for epoll in watching(listener):
        # Two descriptors may belong to the same epoll.
        with suppress(OSError), select.epoll.fromfd(os.dup(epoll)) as watcher:
            watcher.unregister(listener)


def follow(parent: Connection, listener: int, leaving: Callable[[], None]) -> None:
    """Notify the parent once connections are accepted; when it replies, call `leaving` and stop accepting."""
    while not watching(listener):
        time.sleep(_AGAIN_SECONDS)
    with suppress(EOFError, OSError):  # the parent is gone
        parent.send_bytes(b"serving")
        parent.recv_bytes()
        leaving()
        leave(listener)
