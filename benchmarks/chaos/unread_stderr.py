"""A standard error that is not always read."""

import fcntl
import http.client
import os
import select
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass

from benchmarks.service import Service

_TURN_SECONDS = 0.1
_ANSWER_SECONDS = 20.0
_SMALLEST = 4096


@dataclass(slots=True)
class Unread:
    """A pipe for what a service tells, which is read now and then."""

    reader: int
    writer: int
    bytes: int = 0
    """How many were read."""
    full: int = 0
    """How often it was seen full, so that writing another line would block forever."""
    held_up: int = 0
    """How often the service did not answer then."""

    def run(self, pause: float, over: threading.Event, service: Service) -> None:
        """Leave it alone, and read it, by turns of `pause` seconds each, until it is over."""
        while not over.is_set():
            self._leave(pause, over, service)
            self._read(pause, over)

    def _leave(self, seconds: float, over: threading.Event, service: Service) -> None:
        ends = time.monotonic() + seconds
        while time.monotonic() < ends and not over.wait(_TURN_SECONDS):
            if not select.select([], [self.writer], [], 0)[1]:
                self.full += 1
                self.held_up += not _answers(service)

    def _read(self, seconds: float, over: threading.Event) -> None:
        ends = time.monotonic() + seconds
        while time.monotonic() < ends and not over.is_set():
            if select.select([self.reader], [], [], _TURN_SECONDS)[0]:
                self.bytes += len(os.read(self.reader, 1 << 16))


def _answers(service: Service) -> bool:
    """Send a request over a new connection, to any worker; one killed in the meantime does not count as blocked."""
    client = http.client.HTTPConnection("127.0.0.1", service.port, timeout=_ANSWER_SECONDS)
    with closing(client), suppress(ConnectionError, http.client.HTTPException):
        try:
            client.request("GET", "/healthz")
            client.getresponse().read()
        except TimeoutError:
            return False
    return True


@contextmanager
def unread() -> Iterator[Unread]:
    """Make a pipe that holds no more than it has to, where that can be chosen."""
    reader, writer = os.pipe()
    if sys.platform == "linux":
        fcntl.fcntl(writer, fcntl.F_SETPIPE_SZ, _SMALLEST)
    try:
        yield Unread(reader, writer)
    finally:
        os.close(reader)
        os.close(writer)
