"""The audit log: who accessed what, one JSON object per line, appended to a file that only its owner can read."""

import asyncio
import logging
import os
import stat
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from exporter.exports.observers import Began, Observation
from exporter.http.visit import Visit
from exporter.private_file import OUTSIDERS, exposure
from exporter.problems import Problem, ProblemType
from exporter.telemetry import masking
from exporter.telemetry.append_only import AppendOnlyFile, Opened
from exporter.telemetry.lane import Lane
from exporter.telemetry.logs import dumps

_IN_TIME = 2.0
"""Seconds after which a line counts as not written."""
_HELD_LINES = 1000
"""How many lines may wait to be written; beyond that they are dropped, and no export starts."""

_UNSEEN = frozenset({"/healthz", "/readyz"})
"""Requested every few seconds, without authentication, and revealing nothing about the data."""

log = logging.getLogger(__name__)


def check(path: str | None) -> None:
    """Check that the file named by the setting can be opened for the audit log.

    Raises:
        OSError: it cannot be opened.
    """
    file = _file_at(path)
    if file:
        file.check()
        file.close()


class AuditLog:
    """The log of accesses and refusals, or none. A thread writes it, so that no file can block the service."""

    def __init__(self, path: str | None, options: frozenset[str] = frozenset()) -> None:
        """Take a path, `-` for stderr or None for no log, and the names of the options in a query string."""
        self._no_room = 0
        self._unwritten = 0
        self._options = options
        self._file = _file_at(path, _tell_of_readers)
        self._lane = Lane("audit log", _HELD_LINES)
        self._failure: str | None = None
        self._lane.put(self._opened)

    @property
    def dropped(self) -> int:
        """How many lines about finished requests could not be written so far."""
        return self._no_room + self._unwritten

    def visited(self, visit: Visit, status: int | None) -> None:
        """Log a finished request, and how the export that it started ended."""
        if self._file and visit.path not in _UNSEEN:
            event = "export ended" if visit.export else "request"
            problem = {"problem": visit.problem.slug} if visit.problem else {}
            reason = {"reason": visit.reason} if visit.reason else {}
            line = {**self._about(event, visit), "status": status, **problem, **reason, **visit.ending}
            if not self._lane.put(lambda: self._keep(line)):
                self._no_room += 1

    def request_fields(self, visit: Visit) -> dict[str, str | None]:
        """Return the details of a request for the origin of its export; without an audit log, only its method."""
        if self._file is None:
            return {"method": visit.method}
        return {
            "method": visit.method,
            "target": masking.target(visit, self._options),
            "user_agent": visit.user_agent and visit.user_agent[:200],
        }

    async def begun(self, began: Began) -> None:
        """Log the start of an export, before anything is read for it.

        Raises:
            Problem: the line could not be written in time, so nothing may be read.
        """
        if self._file is None:
            return
        order, origin = began.order, began.origin
        line = {
            "time": _now(),
            "event": "export begun",
            "principal": origin.who,
            "address": origin.address,
            **origin.request,
            "export": str(order.id),
            "dataset": order.dataset.name,
            "format": order.format_name,
            "arguments": masking.arguments(order),
        }
        if not await self._done(lambda: self._append(line)):
            raise Problem(ProblemType.AUDIT_LOG_UNAVAILABLE, "Tell the service's operator.")

    async def problems(self) -> list[str]:
        """Return what is wrong with the log, in words that everybody may read; after a failure, try to write again.

        Without a failure, only check the file, so that a worker that writes nothing notices its loss.
        """
        written = self._file is None or await self._done(self._look)
        return [] if written else ["it cannot be written"]

    def flush(self, within: float | None = None) -> None:
        """Wait until all lines are written, `within` seconds at most; by default, as long as one line may take."""
        self._lane.drain(_IN_TIME if within is None else within)

    def close(self) -> None:
        """Write what is left, and close the file."""
        if self._file:
            self._lane.put(self._file.close)
            self.flush()

    def _about(self, event: str, visit: Visit) -> dict[str, Any]:
        about = {
            "time": _now(),
            "event": event,
            "principal": visit.who,
            "address": visit.address,
            **self.request_fields(visit),
        }
        return about | ({"export": str(visit.export)} if visit.export else {})

    async def _done(self, job: Callable[[], bool]) -> bool:
        """Run a job in the thread, and return whether it succeeded in time."""
        loop = asyncio.get_running_loop()
        done: asyncio.Future[bool] = loop.create_future()

        def tell(succeeded: bool) -> None:
            if not done.done():
                done.set_result(succeeded)

        def work() -> None:
            succeeded = job()
            with suppress(RuntimeError):  # the loop has ended in the meantime
                loop.call_soon_threadsafe(tell, succeeded)

        if self._lane.stuck(_IN_TIME) or not self._lane.put(work):
            return False
        try:
            async with asyncio.timeout(_IN_TIME):
                return await done
        except TimeoutError:
            self._note(f"a line takes longer than {_IN_TIME:g} seconds")
            return False

    def _opened(self) -> bool:
        return self._append({"time": _now(), "event": "log opened"})

    def _look(self) -> bool:
        try:
            if self._file and not self._failure:
                self._file.check()
                return True
        except OSError:
            pass
        return self._opened()

    def _keep(self, entry: dict[str, Any]) -> None:
        if not self._append(entry):
            self._unwritten += 1

    def _append(self, entry: dict[str, Any]) -> bool:
        """Write a line, and return whether it was written."""
        if self._file is None:
            return True
        failure = None
        try:
            self._file.append(dumps(entry) + b"\n")
        except OSError as error:
            failure = error.strerror or repr(error)
        self._note(failure)
        return failure is None

    def _note(self, failure: str | None) -> None:
        """Remember why the log cannot be written, if so; changes are logged to the service's log."""
        before, self._failure = self._failure, failure
        if failure and failure != before:
            log.error("the audit log cannot be written", extra={"fields": {"reason": failure}})
        if before and not failure:
            log.warning("the audit log can be written again")


class AuditedExport(Observation):
    """Logs the start of an export; the line of its request says how it ended."""

    def __init__(self, audit: AuditLog, began: Began) -> None:
        """Write nothing yet."""
        self._audit = audit
        self._began = began

    async def began(self) -> None:
        """Write the line, or refuse the export."""
        await self._audit.begun(self._began)


def _file_at(path: str | None, opened: Opened = lambda *_: None) -> AppendOnlyFile | None:
    return AppendOnlyFile(None if path == "-" else Path(path), opened) if path else None


def _tell_of_readers(path: Path, status: os.stat_result) -> None:
    """Warn about an existing file that others can access, usually created by logrotate's `create`."""
    if stat.S_ISREG(status.st_mode) and (wrong := exposure(path, status, OUTSIDERS)):
        log.warning("others can access the audit log", extra={"fields": {"reason": wrong}})


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="milliseconds")
