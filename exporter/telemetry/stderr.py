"""Standard error, which may be a pipe that nobody reads: no one who writes to it waits for who reads it."""

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
"""What a process holds of lines that are not written yet, some thousand of them."""
_LAST_SECONDS = 1.0
"""How long a process that ends waits for its last lines to be written."""

log = logging.getLogger(__name__)


class Stderr(io.TextIOBase):
    """A text stream whose writes a thread does; those for which there is no room are dropped and counted.

    Each text that is written is one `write`, so that lines of several processes on one pipe do not mix (up to PIPE_BUF
    bytes, pipe(7)).
    """

    encoding = "utf-8"

    def __init__(self, descriptor: int = _STDERR, held: int = _HELD_BYTES) -> None:
        """Take a descriptor that may block, and how many bytes are held for it."""
        self.dropped = 0
        """How many texts were dropped, or could not be written, so far."""
        self._told = 0
        self._descriptor = descriptor
        self._flows = True
        self._lane = Lane("stderr", held, self._tell)

    def writable(self) -> bool:
        """Return True."""
        return True

    def fileno(self) -> int:
        """Return the descriptor."""
        return self._descriptor

    def isatty(self) -> bool:
        """Return whether somebody looks on."""
        return os.isatty(self._descriptor)

    def write(self, text: str) -> int:
        """Have a text written soon."""
        data = text.encode(errors="backslashreplace")
        if data and not self._lane.put(lambda: self._write(data), len(data)):
            self.dropped += 1
        return len(text)

    def drain(self, within: float = _LAST_SECONDS) -> bool:
        """Wait until all is written, so many seconds at most; return whether it is."""
        return self._lane.drain(within)

    def _write(self, data: bytes) -> None:
        try:
            while data:
                data = data[self._written(data) :]
            self._flows = True
        except OSError:
            self._flows = False
            self.dropped += 1

    def _tell(self) -> None:
        if self._flows and self.dropped > self._told:
            missing, self._told = self.dropped - self._told, self.dropped
            log.error("log lines were dropped because nobody read them", extra={"fields": {"lines": missing}})

    def _written(self, data: bytes) -> int:
        try:
            return os.write(self._descriptor, data)
        except BlockingIOError:  # whoever shares the pipe with us wants it so
            select.select([], [self._descriptor], [])
            return 0


def unblocked() -> Stderr:
    """Return this process's `sys.stderr`, which is one that holds nobody up from the first call on.

    All that Python itself writes goes there too: warnings, tracebacks of threads and of workers that die.
    """
    if not isinstance(sys.stderr, Stderr):
        # Where it was closed, its number is another file's by now.
        stream = Stderr() if sys.stderr else Stderr(os.open(os.devnull, os.O_WRONLY))
        atexit.register(stream.drain)
        sys.stderr = stream
    return sys.stderr


def dropped() -> int:
    """Return how many lines this process has dropped so far."""
    return sys.stderr.dropped if isinstance(sys.stderr, Stderr) else 0


class Handler(logging.StreamHandler[Stderr]):
    """Writes a process's records to its standard error, and what nobody catches in that process as one of them."""

    def __init__(self) -> None:
        super().__init__(unblocked())
        failing.watch_process()
