"""Who accessed what: one JSON object a line, appended to a file that nobody else can read.

A line is one `write` to a file opened with O_APPEND, so that the lines of several workers do not mix. It takes a few
microseconds, less than handing it to a thread would, and is in the kernel's hands before the answer goes out.
"""

import logging
import os
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from exporter import masking
from exporter.logs import dumps
from exporter.order import Order
from exporter.problems import Problem, ProblemType
from exporter.visit import Visit

_UNSEEN = frozenset({"/healthz", "/readyz"})
"""Asked every few seconds, by everybody, and telling nothing of the data."""

_TORN = "a line was cut"
"""As by a disk that is full; the next one begins anew."""

log = logging.getLogger(__name__)


class AuditLog:
    """An append-only log of accesses and refusals; of a file it notices when it is moved away, and opens a new one."""

    def __init__(self, path: str | None, options: frozenset[str] = frozenset()) -> None:
        """Take a path, `-` for stderr or None for no log; and the names of the options in a query string."""
        self._path = path or ""
        self._options = options
        self._file = 2 if path == "-" else -1
        self._failure: str | None = None
        if path:
            self.problems()

    def visited(self, visit: Visit, status: int | None) -> None:
        """Write down a request that is over, and how the export ended that it began."""
        if self._path and visit.path not in _UNSEEN:
            event = "export ended" if visit.export else "request"
            problem = {"problem": visit.problem.slug} if visit.problem else {}
            self._append({**self._about(event, visit), "status": status, **problem, **visit.ending})

    def begun(self, order: Order, visit: Visit) -> None:
        """Write down that an export begins, before anything is read for it.

        Raises:
            Problem: it could not be written, so that nothing may be read.
        """
        if not self._path:
            return
        details = {"dataset": order.dataset.name, "format": order.format.name, "arguments": masking.arguments(order)}
        if not self._append(self._about("export begun", visit) | details):
            raise Problem(ProblemType.AUDIT_LOG_UNAVAILABLE, "Tell the service's operator.")

    def problems(self) -> list[str]:
        """Return what is wrong with the log, in words that anybody may read; after a failure it is tried again."""
        if self._path and (self._failure is not None or self._file < 0):
            self._append({"time": _now(), "event": "log opened"})
        return ["it cannot be written"] if self._failure is not None else []

    def _about(self, event: str, visit: Visit) -> dict[str, Any]:
        about = {
            "time": _now(),
            "event": event,
            "principal": visit.who,
            "address": visit.address,
            "method": visit.method,
            "target": masking.target(visit, self._options),
            "user_agent": visit.user_agent and visit.user_agent[:200],
        }
        return about | ({"export": str(visit.export)} if visit.export else {})

    def _append(self, entry: dict[str, Any]) -> bool:
        """Write a line, and return whether it was written; the log is told once when that changes."""
        line = (b"\n" if self._failure == _TORN else b"") + dumps(entry) + b"\n"
        try:
            written = os.write(self._current(), line)
            failure = None if written == len(line) else _TORN
        except OSError as error:
            failure = error.strerror or "failed"
        if failure != self._failure:
            level = logging.ERROR if failure else logging.WARNING
            log.log(level, "the audit log %s", f"cannot be written: {failure}" if failure else "is written again")
        self._failure = failure
        return failure is None

    def _current(self) -> int:
        """Return the descriptor of the file that has the path now."""
        if self._path == "-":
            return self._file
        if self._file >= 0 and not self._moved():
            return self._file
        if self._file >= 0:
            os.close(self._file)
            self._file = -1
        # O_NONBLOCK is for a path that turns out to be a pipe: to open or fill one could take for ever.
        flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC | os.O_NONBLOCK
        self._file = os.open(self._path, flags, 0o600)
        return self._file

    def _moved(self) -> bool:
        try:
            return not os.path.samestat(Path(self._path).stat(), os.fstat(self._file))
        except FileNotFoundError:
            return True


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="milliseconds")
