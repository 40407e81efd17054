"""Standard error that never blocks its writers, even if it is a pipe that nobody reads."""

import atexit
import io
import logging
import os
import select
import sys

from exporter.telemetry import failing
from exporter.telemetry.lane import Lane

_STDERR = 2
_HELD_BYTES = 1 << 20
"""The most that a process keeps of unwritten lines, several thousand of them."""
_LAST_SECONDS = 1.0
"""How long a process waits at exit for its last lines to be written."""

log = logging.getLogger(__name__)


class Stderr(io.TextIOBase):
    """A text stream that writes in a thread; texts for which there is no room are dropped and counted.

    Each text is one `write`, so that lines of several processes on one pipe do not mix (up to PIPE_BUF bytes, pipe(7)).
    """

    encoding = "utf-8"

    def __init__(self, descriptor: int = _STDERR, held: int = _HELD_BYTES) -> None:
        """Take a descriptor that may block, and how many bytes to keep for it."""
        self.dropped = 0
        """How many texts were dropped, or could not be written, so far."""
        self._reported = 0
        self._descriptor = descriptor
        self._flows = True
        self._lane = Lane("stderr", held, self._report)

    def writable(self) -> bool:
        """Return True."""
        return True

    def fileno(self) -> int:
        """Return the descriptor."""
        return self._descriptor

    def isatty(self) -> bool:
        """Return whether the descriptor is a terminal."""
        return os.isatty(self._descriptor)

    def write(self, text: str) -> int:
        """Write a text soon, in the thread."""
        data = text.encode(errors="backslashreplace")
        if data and not self._lane.put(lambda: self._write(data), len(data)):
            self.dropped += 1
        return len(text)

    def drain(self, within: float = _LAST_SECONDS) -> bool:
        """Wait up to `within` seconds until everything is written; return whether it is."""
        return self._lane.drain(within)

    def _write(self, data: bytes) -> None:
        try:
            while data:
                data = data[self._written(data) :]
            self._flows = True
        except OSError:
            self._flows = False
            self.dropped += 1

    def _report(self) -> None:
        if self._flows and self.dropped > self._reported:
            missing, self._reported = self.dropped - self._reported, self.dropped
            log.error("log lines were dropped because nobody read them", extra={"fields": {"lines": missing}})

    def _written(self, data: bytes) -> int:
        try:
            return os.write(self._descriptor, data)
        except BlockingIOError:  # another process with the same pipe made it non-blocking
            select.select([], [self._descriptor], [])
            return 0


def unblocked() -> Stderr:
    """Return this process's `sys.stderr`, which never blocks its writers after the first call.

    Everything that Python itself writes goes there too: warnings, tracebacks of threads and of dying workers.
    """
    if not isinstance(sys.stderr, Stderr):
        # If it was closed, another file may have its descriptor by now.
        stream = Stderr() if sys.stderr else Stderr(os.open(os.devnull, os.O_WRONLY))
        atexit.register(stream.drain)
        sys.stderr = stream
    return sys.stderr


def dropped() -> int:
    """Return how many lines this process has dropped so far."""
    return sys.stderr.dropped if isinstance(sys.stderr, Stderr) else 0


class Handler(logging.StreamHandler[Stderr]):
    """Writes a process's log records, including uncaught exceptions, to its standard error."""

    def __init__(self) -> None:
        super().__init__(unblocked())
        failing.watch_process()
