"""What a person at a terminal sees of an export: how far it is, and how it ended. All of it on stderr."""

import time
from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.live import Live
from rich.text import Text

from exporter.commands.exporting.document import Document

_UNITS = ("B", "kB", "MB", "GB", "TB", "PB")
_THOUSAND = 1000


@contextmanager
def progress(document: Document, label: str) -> Iterator[None]:
    """Show how far a document is, ten times a second, until the block ends."""
    console = Console(stderr=True)

    class Line:
        def __rich__(self) -> Text:
            return Text(f"{label}  {state(document)}", overflow="ellipsis", no_wrap=True)

    with Live(Line(), console=console, refresh_per_second=10, transient=True):
        yield


def state(document: Document) -> str:
    """Return rows, bytes, time and rate of a document so far, and its percentage where the planner was asked."""
    seconds = max(time.monotonic() - document.began, 1e-3)
    parts = [size_text(document.size), f"{seconds:.1f} s", f"{size_text(document.size / seconds)}/s"]
    # Of CSV that passes through, the rows are known only at the end.
    if rows := document.rows:
        parts.insert(0, f"{rows:,} rows")
        if document.estimate:
            parts.append(f"{min(99, rows * 100 // document.estimate)} % of an estimated {document.estimate:,}")
    return ", ".join(parts)


def size_text(count: float) -> str:
    """Return a number of bytes in the unit that suits it."""
    for unit in _UNITS:
        if count < _THOUSAND or unit == _UNITS[-1]:
            break
        count /= _THOUSAND
    return f"{count:.0f} {unit}" if unit == "B" else f"{count:.1f} {unit}"


def summary(document: Document, name: str) -> str:
    """Return the line that stays at the end."""
    seconds = max(time.monotonic() - document.began, 1e-3)
    rows = "" if document.rows is None else f"{document.rows:,} rows, "
    return f"{name}: {rows}{size_text(document.size)} in {seconds:.1f} s"
