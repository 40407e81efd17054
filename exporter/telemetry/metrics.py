"""The metrics of all workers, in Prometheus's text format.

Labels contain names from the catalog and from enumerations, never principals or arguments, so that their number is
bounded. Histograms are by format only, because buckets for each dataset would be too many.
"""

import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from importlib.metadata import version
from pathlib import Path

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.multiprocess import MultiProcessCollector, mark_process_dead

from exporter.problems import ProblemType

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"

_FOLDER = "PROMETHEUS_MULTIPROC_DIR"
"""The folder with the workers' metrics, created by `exporter.process.server`. Without it there is one worker."""

_SECONDS = (0.005, 0.025, 0.1, 0.5, 1, 5, 15, 60, 300, 1800)
_LAGS = (0.001, 0.005, 0.025, 0.1, 0.5, 2)

_USUAL_INTERVAL = sys.getswitchinterval()
_SHORT_INTERVAL = 0.0002
"""Seconds after which a thread releases the interpreter. With the usual five milliseconds, every scrape would delay the
event loop by that long, again and again."""

_SHARED = "_exporter_metrics"

Reading = Callable[[], float]
Drops = Callable[[], int]


class Metrics:
    """What one worker counts."""

    def __init__(self, registry: CollectorRegistry | None = None) -> None:
        """Create every metric in a registry, by default its own.

        With several workers, the values are in a file of this process, and are added up.
        """
        self._registry = registry = registry or CollectorRegistry()
        labels = ("dataset", "format")
        self.exports = Counter("exporter_exports", "Exports that have ended.", (*labels, "outcome"), registry=registry)
        self.bytes = Counter("exporter_bytes", "Bytes of bodies handed to the server.", labels, registry=registry)
        self.rows = Counter(
            "exporter_rows", "Rows written, counted when the export has ended.", labels, registry=registry
        )
        self.aborts = Counter("exporter_aborts", "Bodies aborted after the first byte.", ("reason",), registry=registry)
        self.problems = Counter("exporter_problems", "Requests answered with a problem.", ("type",), registry=registry)
        for problem in ProblemType:  # `increase` would miss the first count of a counter that did not exist
            self.problems.labels(problem.slug)
        self.in_flight = self._gauge("exporter_exports_in_flight", "Exports that are running or waiting.")
        self.first_byte = self._histogram("exporter_first_byte_seconds", "From the order to the first byte.", "format")
        self.duration = self._histogram("exporter_export_seconds", "From the order to the end.", "format")
        self.waited = self._histogram("exporter_wait_seconds", "Waiting for a place and a connection.")
        self.lag = Histogram(
            "exporter_event_loop_lag_seconds", "Delay of the event loop, measured every second.",
            buckets=_LAGS, registry=registry,
        )  # fmt: skip
        build = Gauge(
            "exporter_build_info", "The running version.", ("version",), registry=registry, multiprocess_mode="max"
        )
        build.labels(version("velithon-exporter")).set(1)
        self._read: dict[Gauge, Reading] = {}
        self._dropped = Counter(
            "exporter_log_lines_dropped", "Log lines that were not written.", ("log",), registry=registry
        )
        self._drops: dict[str, tuple[Drops, int]] = {}

    def watch(self, name: str, documentation: str, reading: Reading) -> None:
        """Make a gauge follow a number of this worker; the exposition shows the sum over all workers."""
        self._read[self._gauge(name, documentation)] = reading

    def watch_log(self, name: str, drops: Drops) -> None:
        """Make a counter follow the number of dropped lines of a log."""
        self._drops[name] = drops, 0
        self._dropped.labels(name)

    def sample(self) -> None:
        """Update the watched gauges and counters."""
        for gauge, reading in self._read.items():
            gauge.set(reading())
        for name, (drops, before) in self._drops.items():
            now = drops()
            self._dropped.labels(name).inc(now - before)
            self._drops[name] = drops, now

    def exposition(self) -> bytes:
        """Return the metrics of all workers as text. Slow, because it reads a few files per worker. Thread-safe."""
        folder = os.environ.get(_FOLDER)
        if folder is None:
            return generate_latest(self._registry)
        _forget_dead(Path(folder))
        registry = CollectorRegistry()
        MultiProcessCollector(registry, folder)
        with _switching_often():
            return generate_latest(registry)

    def _gauge(self, name: str, documentation: str) -> Gauge:
        return Gauge(name, documentation, registry=self._registry, multiprocess_mode="livesum")

    def _histogram(self, name: str, documentation: str, *labels: str) -> Histogram:
        return Histogram(name, documentation, labels, buckets=_SECONDS, registry=self._registry)


def shared(registry: CollectorRegistry) -> Metrics:
    """Return the metrics in a registry, the same ones for all who ask: a registry takes each name only once."""
    kept = vars(registry)  # so that they live as long as what is registered
    if _SHARED not in kept:
        kept[_SHARED] = Metrics(registry)
    metrics: Metrics = kept[_SHARED]
    return metrics


@contextmanager
def _switching_often() -> Iterator[None]:
    """Let the event loop's thread run sooner than usual, because merging the files is pure Python."""
    sys.setswitchinterval(_SHORT_INTERVAL)
    try:
        yield
    finally:
        sys.setswitchinterval(_USUAL_INTERVAL)


def _forget_dead(folder: Path) -> None:
    """Remove the gauges of workers that no longer run; their counters stay."""
    for pid in {int(path.stem.rpartition("_")[2]) for path in folder.glob("gauge_live*.db")}:
        try:
            os.kill(pid, 0)
        except (ProcessLookupError, PermissionError):  # or another process has its pid by now
            with suppress(FileNotFoundError):  # another worker did the same at the same time
                mark_process_dead(pid, str(folder))
