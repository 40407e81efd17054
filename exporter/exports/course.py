"""The course of one run: counts and times it, and notifies its observers."""

import time
from collections.abc import Sequence

import pyarrow as pa

from exporter.exports.conversion import Counts
from exporter.exports.observers import Began, Ended, Observations, Observer, Progress
from exporter.exports.outcome import Outcome


class Course:
    """Counts one run from its order to its end, and notifies the observers."""

    def __init__(self, observers: Sequence[Observer], began: Began) -> None:
        """Start the clock now."""
        self.counts = Counts()
        self._began = time.monotonic()
        self._first_byte: float | None = None
        self._bounds = began.order.bounds
        self._observations = Observations(observers, began)

    @property
    def comment(self) -> str:
        """A SQL comment that names the trace of the export, or nothing."""
        return self._observations.comment

    @property
    def progress(self) -> Progress:
        """The rows and bytes so far."""
        return Progress(self.counts.rows, self.counts.bytes)

    async def begin(self) -> None:
        """Notify the observers, before anything is read.

        Raises:
            Problem: an observer refuses the export.
        """
        await self._observations.began()

    def count(self, item: bytes | pa.RecordBatch) -> None:
        """Count what is about to be delivered.

        Raises:
            Exceeded: there are more bytes than allowed.
        """
        if isinstance(item, bytes):
            self._bounds.check_bytes(self.counts.bytes + len(item))
            self.counts.bytes += len(item)
        if self._first_byte is None:
            self._first_byte = self._elapsed()
            self._observations.first_byte(self._first_byte)
        self._observations.progressed(self.progress)

    def end(self, outcome: Outcome) -> Ended:
        """Notify the observers how the run ended, and return that."""
        counts = self.counts
        ended = Ended(
            outcome=outcome,
            rows=counts.rows,
            bytes=counts.bytes,
            seconds=self._elapsed(),
            first_byte=self._first_byte,
            waited=counts.waited,
            connections=counts.connections,
            traceparent=self._observations.traceparent,
        )
        self._observations.ended(ended)
        return ended

    def _elapsed(self) -> float:
        return time.monotonic() - self._began
