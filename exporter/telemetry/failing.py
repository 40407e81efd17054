"""Failures that nobody foresaw, told without their texts, which may quote the value of a row or of an argument."""

import asyncio
import logging
import re
import sys
import threading
from collections.abc import Iterator
from traceback import format_tb
from typing import Any

log = logging.getLogger("exporter")

_FRAME = re.compile(r' +File "[^"]+", line \d+, in \S+')


def trace(error: BaseException) -> str:
    """Return where an exception and those behind it were raised, the first one first, and of what kind each is."""
    return "\n".join(
        f"{''.join(format_tb(one.__traceback__))}{type(one).__module__}.{type(one).__qualname__}"
        for one in reversed(list(_chain(error, set())))
    )


def _chain(error: BaseException | None, seen: set[int]) -> Iterator[BaseException]:
    while error is not None and id(error) not in seen:
        seen.add(id(error))
        yield error
        if isinstance(error, BaseExceptionGroup):
            for part in error.exceptions:
                yield from _chain(part, seen)
        error = error.__cause__ or (None if error.__suppress_context__ else error.__context__)


def frames(text: str) -> str:
    """Return the first line of a text with tracebacks, and their frames: nothing else of it may be shown."""
    first, *lines = text.split("\n")
    return "\n".join([first, *(line for line in lines if _FRAME.fullmatch(line))])


def watch_process() -> None:
    """Have the log tell what nobody catches in a thread, or in what Python cleans away."""
    threading.excepthook = _of_thread
    sys.unraisablehook = _of_object


def of_loop(_: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
    """Tell what nobody catches in an event loop, as its exception handler.

    asyncio's own would show the repr of a task, and so of its exception, and a callback with its arguments.
    """
    head, callback, _shown = context.get("message", "an error of the event loop").partition(" callback ")
    log.error("%s%s", head, callback.rstrip(), exc_info=context.get("exception"))


def _of_thread(found: threading.ExceptHookArgs) -> None:
    if found.exc_type is not SystemExit:
        log.error("a thread failed", exc_info=found.exc_value)


def _of_object(found: Any) -> None:
    log.error("a failure that could not be raised", exc_info=found.exc_value)
