"""The observer that counts exports in the metrics."""

from exporter.exports.observers import Began, Ended, Observation, Progress
from exporter.telemetry.metrics import Metrics


class CountedExport(Observation):
    """Counts one export."""

    def __init__(self, metrics: Metrics, began: Began) -> None:
        """Count the export as in flight."""
        self._metrics = metrics
        self._format = began.order.format_name
        self._labels = (began.order.dataset.name, self._format)
        self._bytes = metrics.bytes.labels(*self._labels)
        self._counted = 0
        metrics.in_flight.inc()

    def first_byte(self, seconds: float) -> None:
        """Record the time to the first byte."""
        self._metrics.first_byte.labels(self._format).observe(seconds)

    def progressed(self, progress: Progress) -> None:
        """Count the bytes."""
        self._bytes.inc(progress.bytes - self._counted)
        self._counted = progress.bytes

    def ended(self, ended: Ended) -> None:
        """Count the rest."""
        metrics, outcome = self._metrics, ended.outcome
        metrics.in_flight.dec()
        metrics.exports.labels(*self._labels, outcome.name).inc()
        metrics.rows.labels(*self._labels).inc(ended.rows)
        metrics.duration.labels(self._format).observe(ended.seconds)
        metrics.waited.observe(ended.waited)
        if ended.first_byte is not None and outcome.name != "succeeded":
            metrics.aborts.labels(outcome.kind).inc()
