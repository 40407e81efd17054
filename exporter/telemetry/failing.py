"""Failures that nobody foresaw, told without their texts, which may quote the value of a row or of an argument."""

import asyncio
import logging
import re
import sys
import threading
from typing import Any

log = logging.getLogger("exporter")

_FRAME = re.compile(r' +File "[^"]+", line \d+, in \S+')


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
    head, callback, _shown = context.get("message", "unhandled error in the event loop").partition(" callback ")
    log.error("%s%s", head, callback.rstrip(), exc_info=context.get("exception"))


def _of_thread(found: threading.ExceptHookArgs) -> None:
    if found.exc_type is not SystemExit:
        log.error("a thread failed", exc_info=found.exc_value)


def _of_object(found: Any) -> None:
    log.error("an exception was ignored", exc_info=found.exc_value)
