"""Observers of exports, which get plain values about each export's progress."""

import logging
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TypeAlias

from exporter.exports.order import Order
from exporter.exports.outcome import Outcome

log = logging.getLogger(__name__)

_FAILED = "an observer failed"

_TRACEPARENT = re.compile("[0-9a-f-]+")
"""Only such text is put into a statement."""


@dataclass(frozen=True, slots=True)
class Origin:
    """Who ordered an export, and from where. Contains only text, so that it can be stored."""

    who: str = "-"
    """The caller's name; `-` if there is none."""
    address: str = "-"
    """The caller's address; `-` if there is none."""
    traceparent: str | None = None
    """The trace context from the caller (W3C Trace Context), valid or not."""
    request: Mapping[str, str | None] = field(default_factory=dict)
    """Details of the request for the audit log, without secrets."""


@dataclass(frozen=True, slots=True)
class Began:
    """An export has been ordered."""

    order: Order
    origin: Origin


@dataclass(frozen=True, slots=True)
class Progress:
    """The progress of an export."""

    rows: int
    """Rows so far; for CSV that passes through, known only at the end."""
    bytes: int
    """Bytes delivered so far; 0 for an export of record batches."""


@dataclass(frozen=True, slots=True)
class Ended:
    """How an export ended."""

    outcome: Outcome
    rows: int
    bytes: int
    seconds: float
    """From the order to the end."""
    first_byte: float | None
    """Seconds from the order to the first chunk or batch; None if there was none."""
    waited: float
    """Seconds until it had its turn and its first connection."""
    connections: int
    """Connections used for reading."""
    traceparent: str | None
    """The trace context of the export itself, if an observer traces it."""


class Observation:
    """One observer's view of one export. The methods run on the event loop and must not block."""

    traceparent: str | None = None
    """The trace context of the export, if this observer traces it; the export's statements have it in a comment."""

    async def began(self) -> None:
        """Called before anything is read; the export waits for it.

        Raises:
            Problem: the export must not start.
        """

    def first_byte(self, seconds: float) -> None:
        """Called at the first chunk or batch, with the seconds since the order."""

    def progressed(self, progress: Progress) -> None:
        """Called at each chunk or batch."""

    def ended(self, ended: Ended) -> None:
        """Called once at the end of the export, whatever its outcome."""


Observer: TypeAlias = Callable[[Began], Observation]
"""Called for each export when it is ordered; returns what observes it."""


class Observations(Observation):
    """Several observations as one. An exception in an observer is logged and changes nothing else."""

    def __init__(self, observers: Sequence[Observer], began: Began) -> None:
        """Call each observer."""
        self._all = [observer(began) for observer in observers]
        self.traceparent = next((one.traceparent for one in self._all if one.traceparent), None)
        # Calls that do nothing would cost a small export more than all else that observers do.
        self._of_first = [one for one in self._all if type(one).first_byte is not Observation.first_byte]
        self._of_progress = [one for one in self._all if type(one).progressed is not Observation.progressed]

    @property
    def comment(self) -> str:
        """The trace context as a SQL comment (https://google.github.io/sqlcommenter/spec); empty if there is none."""
        named = self.traceparent or ""
        return f"/*traceparent='{named}'*/ " if _TRACEPARENT.fullmatch(named) else ""

    async def began(self) -> None:
        """Call each; the first that raises ends the export."""
        for one in self._all:
            await one.began()

    def first_byte(self, seconds: float) -> None:
        """Call each that has something to do."""
        for one in self._of_first:
            try:
                one.first_byte(seconds)
            except Exception:
                log.exception(_FAILED)

    def progressed(self, progress: Progress) -> None:
        """Call each that has something to do."""
        for one in self._of_progress:
            try:
                one.progressed(progress)
            except Exception:
                log.exception(_FAILED)

    def ended(self, ended: Ended) -> None:
        """Call each that has something to do."""
        for one in self._all:
            try:
                one.ended(ended)
            except Exception:
                log.exception(_FAILED)
