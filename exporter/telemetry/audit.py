"""Who accessed what: one JSON object a line, appended to a file that nobody else can read.

A line takes a few microseconds, less than handing it to a thread would.
"""

import logging
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from exporter.http.problems import Problem, ProblemType
from exporter.order import Order
from exporter.telemetry import masking
from exporter.telemetry.append_only import AppendOnlyFile
from exporter.telemetry.logs import dumps
from exporter.telemetry.visit import Visit

_UNSEEN = frozenset({"/healthz", "/readyz"})
"""Asked every few seconds, by everybody, and telling nothing of the data."""

log = logging.getLogger(__name__)


def check(path: str | None) -> None:
    """Open the file that a setting names, as a service does that is to write it.

    Raises:
        OSError: it cannot be opened.
    """
    file = _file_at(path)
    if file:
        file.check()
        file.close()


class AuditLog:
    """The log of accesses and refusals, or none."""

    def __init__(self, path: str | None, options: frozenset[str] = frozenset()) -> None:
        """Take a path, `-` for stderr or None for no log; and the names of the options in a query string."""
        self._options = options
        self._file = _file_at(path)
        self._failure: str | None = None
        self._append({"time": _now(), "event": "log opened"})

    def visited(self, visit: Visit, status: int | None) -> None:
        """Write down a request that is over, and how the export ended that it began."""
        if self._file and visit.path not in _UNSEEN:
            event = "export ended" if visit.export else "request"
            problem = {"problem": visit.problem.slug} if visit.problem else {}
            reason = {"reason": visit.reason} if visit.reason else {}
            self._append({**self._about(event, visit), "status": status, **problem, **reason, **visit.ending})

    def begun(self, order: Order, visit: Visit) -> None:
        """Write down that an export begins, before anything is read for it.

        Raises:
            Problem: it could not be written, so that nothing may be read.
        """
        if self._file is None:
            return
        details = {"dataset": order.dataset.name, "format": order.format.name, "arguments": masking.arguments(order)}
        if not self._append(self._about("export begun", visit) | details):
            raise Problem(ProblemType.AUDIT_LOG_UNAVAILABLE, "Tell the service's operator.")

    def problems(self) -> list[str]:
        """Return what is wrong with the log, in words that anybody may read; after a failure it is tried again.

        Without one the file is looked at, not written: a worker that writes nothing yet would not know of its loss.
        """
        if self._failure is not None or not self._is_open():
            self._append({"time": _now(), "event": "log opened"})
        return ["it cannot be written"] if self._failure is not None else []

    def close(self) -> None:
        """Close the file."""
        if self._file:
            self._file.close()

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

    def _is_open(self) -> bool:
        try:
            if self._file:
                self._file.check()
        except OSError:
            return False
        return True

    def _append(self, entry: dict[str, Any]) -> bool:
        """Write a line, and return whether it was written; the service's log is told when that changes."""
        if self._file is None:
            return True
        failure = None
        try:
            self._file.append(dumps(entry) + b"\n")
        except OSError as error:
            failure = error.strerror or repr(error)
        if failure and failure != self._failure:
            log.error("the audit log cannot be written", extra={"fields": {"reason": failure}})
        if self._failure and not failure:
            log.warning("the audit log is written again")
        self._failure = failure
        return failure is None


def _file_at(path: str | None) -> AppendOnlyFile | None:
    return AppendOnlyFile(None if path == "-" else Path(path)) if path else None


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="milliseconds")
