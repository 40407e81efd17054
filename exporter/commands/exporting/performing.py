"""An export from its first step to the process's end: signals, progress, the result, the exit code."""

import asyncio
import gc
import json
import os
import signal
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import NoReturn

from exporter.commands.exits import Exit, Stopped, code_of
from exporter.commands.exporting.document import Document, Opening
from exporter.commands.exporting.target import PipeClosed, Target
from exporter.commands.output import die_of_closed_pipe, warn
from exporter.exports.file import NotWritten, Stored
from exporter.problems import Fault, Problem, ProblemType
from exporter.tracebacks import trace
from queries.errors import QueryError

_OWN_WORDS = (ProblemType.QUERY_REJECTED, ProblemType.DATABASE_UNAVAILABLE, ProblemType.INTERNAL_ERROR)
"""Problems whose reason a service's log has; the command shows the reason itself."""


_FAILURES = (Problem, NotWritten, Stopped)


@dataclass(frozen=True, slots=True)
class Telling:
    """What to report besides the document."""

    dataset: str
    quiet: bool
    json: bool

    def shows_progress(self, target: Target) -> bool:
        """Return whether somebody watches: stderr is a terminal, on which the document itself is not shown."""
        hidden = self.quiet or self.json or not sys.stderr.isatty()
        return not hidden and (target.path is not None or not sys.stdout.isatty())


def perform(opening: Opening, target: Target, telling: Telling) -> NoReturn:
    """Export, and end the process with the exit code of how it went."""
    gc.freeze()
    gc.enable()
    try:
        code = asyncio.run(_ended(opening, target, telling))
    except asyncio.CancelledError:
        code = Exit.INTERRUPTED
    sys.stdout.flush()
    sys.stderr.flush()
    if code is None:
        die_of_closed_pipe()
    # A thread that waits for the reader of standard output would keep the process.
    os._exit(code)


async def _ended(opening: Opening, target: Target, telling: Telling) -> int | None:
    """Return the exit code; None where whoever read standard output stopped reading.

    SIGINT and SIGTERM cancel the export, which then leaves no statement and no part of a file.
    """
    loop, task = asyncio.get_running_loop(), asyncio.current_task()
    if task is not None:
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, task.cancel)
    document: Document | None = None
    try:
        async with opening as document:
            stored = await _taken(document, target, telling)
        _tell(document, target, telling, stored)
    except PipeClosed:
        return None
    except _FAILURES as error:
        return _told(error, begun=document is not None and document.size > 0)
    return 0


@contextmanager
def ending() -> Iterator[None]:
    """End the process with a message and an exit code if something is wrong before the export."""
    try:
        yield
    except _FAILURES as error:
        sys.exit(_told(error, begun=False))


def _told(error: Problem | NotWritten | Stopped, *, begun: bool) -> Exit:
    """Say what is wrong, and return the exit code."""
    match error:
        case Problem():
            for line in words(error):
                warn(line)
            return code_of(error, begun=begun)
        case NotWritten():
            warn(str(error))
            return Exit.NOT_WRITTEN
        case Stopped():
            warn(str(error))
            return error.code


async def _taken(document: Document, target: Target, telling: Telling) -> Stored:
    if not telling.shows_progress(target):
        return await target.take(document)
    from exporter.commands.exporting.shown import progress

    with progress(document, telling.dataset):
        return await target.take(document)


def _tell(document: Document, target: Target, telling: Telling, stored: Stored) -> None:
    """Tell how it went: as JSON where that was asked for, to a person at a terminal in a line."""
    if telling.json:
        result = {
            "dataset": telling.dataset,
            "format": document.format,
            "output": str(target.path) if target.path else None,
            "rows": document.rows,
            "bytes": stored.bytes,
            "sha256": stored.sha256,
            "seconds": round(time.monotonic() - document.began, 3),
            "export_id": document.id,
        }
        stream = sys.stdout if target.path else sys.stderr
        print(json.dumps(result), file=stream)
    elif telling.shows_progress(target):
        from exporter.commands.exporting.shown import summary

        print(summary(document, str(target.path or telling.dataset)), file=sys.stderr)  # noqa: T201 - a command's words


def words(problem: Problem) -> list[str]:
    """Return what is wrong and what to do about it, as lines."""
    if problem.faults:
        return [_fault(fault) for fault in problem.faults]
    cause = problem.__cause__
    if problem.type in _OWN_WORDS and isinstance(cause, QueryError):
        return [f"{problem.type.title}: {cause}"]
    if problem.type is ProblemType.INTERNAL_ERROR and cause is not None and not isinstance(cause, OSError):
        return [f"{problem.type.title}\n{trace(cause)}"]
    return [f"{problem.type.title}: {problem.detail}"]


def _fault(fault: Fault) -> str:
    return f"--{fault.parameter.replace('_', '-')}: {fault.detail}" if fault.parameter else fault.detail
