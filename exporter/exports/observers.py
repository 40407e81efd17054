"""What an export tells on its way, as plain values, to whoever observes the engine."""

import logging
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TypeAlias

from exporter.exports.order import Order
from exporter.exports.outcome import Outcome

log = logging.getLogger(__name__)

_TRACEPARENT = re.compile("[0-9a-f-]+")
"""Nothing else gets into a statement."""


@dataclass(frozen=True, slots=True)
class Origin:
    """Who ordered an export, and from where. Holds texts only, so that it can be stored."""

    who: str = "-"
    """The caller's name; `-` where there is none."""
    address: str = "-"
    """The caller's address; `-` where there is none."""
    traceparent: str | None = None
    """The trace context that the caller named (W3C Trace Context), valid or not."""
    request: Mapping[str, str | None] = field(default_factory=dict)
    """How the order came, for the audit log; holds no secret."""


@dataclass(frozen=True, slots=True)
class Began:
    """An export has been ordered."""

    order: Order
    origin: Origin


@dataclass(frozen=True, slots=True)
class Progress:
    """How far an export has come."""

    rows: int
    """Rows so far; of CSV that passes through, known only at the end."""
    bytes: int
    """Bytes handed out so far; 0 of an export of record batches."""


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
    """Connections that it has read with."""
    traceparent: str | None
    """The trace context of the export itself, if an observer traces it."""


class Observation:
    """What one observer sees of one export. No method may block or take long: the event loop calls them."""

    traceparent: str | None = None
    """The trace context of the export, from an observer that traces it; its statements name it in a comment."""

    async def began(self) -> None:
        """Be told before anything is read; the export waits for it.

        Raises:
            Problem: the export may not begin.
        """

    def first_byte(self, seconds: float) -> None:
        """Be told of the first chunk or batch, and how many seconds after the order it came."""

    def progressed(self, progress: Progress) -> None:
        """Be told of each chunk or batch."""

    def ended(self, ended: Ended) -> None:
        """Be told of the end, once, however it came."""


Observer: TypeAlias = Callable[[Began], Observation]
"""Is called for each export when it is ordered, and returns what observes it."""


class Observations(Observation):
    """Several observations as one. What an observer raises is logged, and changes nothing else."""

    def __init__(self, observers: Sequence[Observer], began: Began) -> None:
        """Have each observer begin to observe."""
        self._all = [observer(began) for observer in observers]
        self.traceparent = next((one.traceparent for one in self._all if one.traceparent), None)

    @property
    def comment(self) -> str:
        """The trace context as a comment for statements (https://google.github.io/sqlcommenter/spec), or nothing."""
        named = self.traceparent or ""
        return f"/*traceparent='{named}'*/ " if _TRACEPARENT.fullmatch(named) else ""

    async def began(self) -> None:
        """Tell each; the first that refuses ends it."""
        for one in self._all:
            await one.began()

    def first_byte(self, seconds: float) -> None:
        """Tell each."""
        for one in self._all:
            with _logged():
                one.first_byte(seconds)

    def progressed(self, progress: Progress) -> None:
        """Tell each."""
        for one in self._all:
            with _logged():
                one.progressed(progress)

    def ended(self, ended: Ended) -> None:
        """Tell each."""
        for one in self._all:
            with _logged():
                one.ended(ended)


@contextmanager
def _logged() -> Iterator[None]:
    try:
        yield
    except Exception:
        log.exception("an observer failed")
