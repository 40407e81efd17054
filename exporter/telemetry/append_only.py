"""A file to which several processes append lines, and which may be rotated at any time."""

import errno
import os
from collections.abc import Callable
from pathlib import Path

_STDERR, _CLOSED = 2, -1

Opened = Callable[[Path, os.stat_result], None]
"""Called with each file that is opened."""


class AppendOnlyFile:
    """Writes each line with one `write` to a file opened with O_APPEND, so that lines of several processes do not mix.

    After a rotation, when the path names another file or none, the new one is opened. Only the owner may access a file
    that is created.
    """

    def __init__(self, path: Path | None, opened: Opened = lambda *_: None) -> None:
        """Take the path, None for stderr, and a callback for each file that is opened; the first line opens it."""
        self._path = path
        self._opened = opened
        self._descriptor = _CLOSED if path else _STDERR
        self._torn = False

    def append(self, line: bytes) -> None:
        """Write a line that ends in a line feed.

        Raises:
            OSError: it was not written, or only partly; the next line then starts on a new line.
        """
        line = b"\n" + line if self._torn else line
        written = os.write(self._current(), line)
        self._torn = written < len(line)
        if self._torn:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    def check(self) -> None:
        """Open the file as for a line, without writing.

        Raises:
            OSError: it cannot be opened.
        """
        self._current()

    def close(self) -> None:
        """Close the file."""
        if self._path and self._descriptor != _CLOSED:
            os.close(self._descriptor)
            self._descriptor = _CLOSED

    def _current(self) -> int:
        if self._path and not self._is_open(self._path):
            self.close()
            # O_NONBLOCK is for a path that is a pipe: opening or filling one could block forever.
            flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC | os.O_NONBLOCK
            self._descriptor = os.open(self._path, flags, 0o600)
            self._opened(self._path, os.fstat(self._descriptor))
        return self._descriptor

    def _is_open(self, path: Path) -> bool:
        try:
            return self._descriptor != _CLOSED and os.path.samestat(path.stat(), os.fstat(self._descriptor))
        except FileNotFoundError:
            return False
