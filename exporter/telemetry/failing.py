"""Logs unexpected failures without their messages, which may quote values of rows or arguments."""

import asyncio
import logging
import re
import sys
import threading
from typing import Any

log = logging.getLogger("exporter")

_FRAME = re.compile(r' +File "[^"]+", line \d+, in \S+')


def frames(text: str) -> str:
    """Return the first line of a text with tracebacks, and their frames: the rest must not be shown."""
    first, *lines = text.split("\n")
    return "\n".join([first, *(line for line in lines if _FRAME.fullmatch(line))])


def watch_process() -> None:
    """Log exceptions that are not caught in a thread, or that Python ignores, as in a finalizer."""
    threading.excepthook = _of_thread
    sys.unraisablehook = _of_object


def of_loop(_: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
    """Log exceptions that are not caught in an event loop, as its exception handler.

    asyncio's own handler would show the repr of a task with its exception, and a callback with its arguments.
    """
    head, callback, _shown = context.get("message", "unhandled error in the event loop").partition(" callback ")
    log.error("%s%s", head, callback.rstrip(), exc_info=context.get("exception"))


def _of_thread(found: threading.ExceptHookArgs) -> None:
    if found.exc_type is not SystemExit:
        log.error("a thread failed", exc_info=found.exc_value)


def _of_object(found: Any) -> None:
    log.error("an exception was ignored", exc_info=found.exc_value)
