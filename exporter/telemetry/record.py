"""One export as it is told of."""

import logging
import time
from typing import Any

from exporter.order import Order
from exporter.telemetry import masking, tracing
from exporter.telemetry.metrics import Metrics
from exporter.telemetry.outcome import Outcome
from exporter.telemetry.visit import Visit

log = logging.getLogger("exporter.telemetry")


class Record:
    """Measures one export, from its order to its end."""

    def __init__(self, order: Order, visit: Visit, metrics: Metrics) -> None:
        """Begin now."""
        self._order, self._visit, self._metrics = order, visit, metrics
        self._started = time.monotonic()
        self._first: float | None = None
        self._sent = 0
        self._labels = (order.dataset.name, order.format.name)
        self._bytes = metrics.bytes.labels(*self._labels)
        visit.export = order.id
        self._span = tracing.begin(order, visit)
        metrics.in_flight.inc()

    def add(self, chunk: bytes) -> None:
        """Take note of a chunk that is about to be sent."""
        if self._first is None:
            self._first = self._elapsed()
            self._metrics.first_byte.labels(self._order.format.name).observe(self._first)
        self._sent += len(chunk)
        self._bytes.inc(len(chunk))

    def end(self, outcome: Outcome) -> None:
        """Tell how it ended."""
        seconds = self._elapsed()
        self._visit.ending = self._ending(outcome, seconds)
        if outcome.traceback:
            log.error("export %s failed\n%s", self._order.id, outcome.traceback)
        self._log(outcome)
        self._count(outcome, seconds)
        if self._span is not None:
            tracing.end(self._span, self._visit.ending)

    def _ending(self, outcome: Outcome, seconds: float) -> dict[str, Any]:
        ending = {
            "outcome": outcome.name,
            "reason": outcome.reason or None,
            "sqlstate": outcome.sqlstate,
            "rows": self._order.progress.rows,
            "bytes": self._sent,
            "first_byte": self._first and round(self._first, 6),
            "seconds": round(seconds, 6),
        }
        return {name: value for name, value in ending.items() if value is not None}

    def _log(self, outcome: Outcome) -> None:
        order, visit = self._order, self._visit
        fields = {
            "id": str(order.id),
            "principal": visit.who,
            "address": visit.address,
            "dataset": order.dataset.name,
            "arguments": masking.arguments(order),
            "format": order.format.name,
            "options": masking.options(order),
            **visit.ending,
            "waited": round(order.progress.waited, 6),
            "connections": order.progress.connections,
        }
        if (trace := tracing.trace_id(visit, self._span)) is not None:
            fields["trace_id"] = trace
        level = logging.INFO if outcome.name != "failed" else logging.ERROR
        log.log(level, "export", extra={"fields": fields})

    def _count(self, outcome: Outcome, seconds: float) -> None:
        metrics, format_name, progress = self._metrics, self._order.format.name, self._order.progress
        metrics.in_flight.dec()
        metrics.exports.labels(*self._labels, outcome.name).inc()
        metrics.rows.labels(*self._labels).inc(progress.rows)
        metrics.duration.labels(format_name).observe(seconds)
        metrics.waited.observe(progress.waited)
        if self._first is not None and outcome.name != "succeeded":
            metrics.aborts.labels(outcome.kind).inc()

    def _elapsed(self) -> float:
        return time.monotonic() - self._started
