"""A document that is about to be read, from the database itself or from a service."""

import time
from collections.abc import AsyncIterable, AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol, TypeAlias

if TYPE_CHECKING:
    from exporter.commands.exporting.asked import Asked
    from exporter.commands.exporting.performing import Telling
    from exporter.commands.exporting.target import Target
    from exporter.exports.observers import Progress


@dataclass(slots=True)
class Document:
    """What is known before the first byte, and the bytes."""

    id: str
    """Of the export, as the service's log and the database name it."""
    format: str
    """The extension of its format."""
    media_type: str
    compressed: bool
    chunks: AsyncIterable[bytes]
    progress: "Callable[[], Progress] | None" = None
    """How far the export is; None where only the bytes are known."""
    estimate: int | None = None
    """How many rows the planner expects, if it was asked."""
    size: int = 0
    """Bytes handed out so far."""
    began: float = field(default_factory=time.monotonic)

    @property
    def is_text(self) -> bool:
        """Whether a terminal can show it."""
        return not self.compressed and is_text(self.media_type)

    @property
    def rows(self) -> int | None:
        """Rows so far; None where they are not known."""
        return self.progress().rows if self.progress else None

    async def counted(self) -> AsyncIterator[bytes]:
        """Yield the bytes, and count them."""
        async for chunk in self.chunks:
            self.size += len(chunk)
            yield chunk


def is_text(media_type: str) -> bool:
    """Return whether a document of this media type is text, which can be shown and is worth compressing."""
    return media_type.startswith("text/") or "json" in media_type


class Place(Protocol):
    """What is exported from: the database itself, or a service."""

    def help(self, name: str) -> None:
        """Print which parameters a dataset has.

        Raises:
            Stopped: there is no such dataset.
            Problem: it cannot be known.
        """

    def arrange(self, asked: "Asked", telling: "Telling", *, overwrite: bool) -> "tuple[Opening, Target]":
        """Return what begins the export, and where it goes.

        Raises:
            Stopped, Problem: it was asked for wrongly.
            NotWritten: the file cannot be written.
        """


Opening: TypeAlias = AbstractAsyncContextManager[Document]
"""Begins an export when it is entered, and leaves nothing of it behind."""

Values: TypeAlias = dict[str, list[str]]
"""By the name of a parameter or an option, all that was given for it."""

Told: TypeAlias = dict[str, Any]
"""A JSON object."""
