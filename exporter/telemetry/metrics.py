"""The metrics of all workers, in Prometheus' text format.

Labels hold names from the catalogue and from enumerations of ours, never a principal or an argument, so that their
number is bounded. Histograms are by format only: a bucket for each dataset would be too many.
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
"""Where the workers keep their metrics; `exporter.process.server` makes it. Without it there is one worker."""

_SECONDS = (0.005, 0.025, 0.1, 0.5, 1, 5, 15, 60, 300, 1800)
_LAGS = (0.001, 0.005, 0.025, 0.1, 0.5, 2)

_USUAL_INTERVAL = sys.getswitchinterval()
_SHORT_INTERVAL = 0.0002
"""Seconds after which a thread gives the interpreter up. With the usual five milliseconds the event loop would be that
late, again and again, while somebody scrapes."""

Reading = Callable[[], float]
Drops = Callable[[], int]


class Metrics:
    """What one worker counts."""

    def __init__(self, registry: CollectorRegistry | None = None) -> None:
        """Make every metric in a registry, by default one of its own.

        Its value is in a file of this process where several workers are to be added up.
        """
        self._registry = registry = registry or CollectorRegistry()
        labels = ("dataset", "format")
        self.exports = Counter("exporter_exports", "Exports that ended.", (*labels, "outcome"), registry=registry)
        self.bytes = Counter("exporter_bytes", "Bytes of bodies handed to the server.", labels, registry=registry)
        self.rows = Counter("exporter_rows", "Rows written, when the export has ended.", labels, registry=registry)
        self.aborts = Counter(
            "exporter_aborts", "Bodies given up after the first byte.", ("reason",), registry=registry
        )
        self.problems = Counter("exporter_problems", "Requests answered with a problem.", ("type",), registry=registry)
        for problem in ProblemType:  # a counter that is not there before its first count hides that from `increase`
            self.problems.labels(problem.slug)
        self.in_flight = self._gauge("exporter_exports_in_flight", "Exports that have begun and not ended.")
        self.first_byte = self._histogram("exporter_first_byte_seconds", "From the order to the first byte.", "format")
        self.duration = self._histogram("exporter_export_seconds", "From the order to the end.", "format")
        self.waited = self._histogram("exporter_wait_seconds", "Waiting for a place and a connection.")
        self.lag = Histogram(
            "exporter_event_loop_lag_seconds", "How late the event loop is, seen every second.",
            buckets=_LAGS, registry=registry,
        )  # fmt: skip
        build = Gauge(
            "exporter_build_info", "The version that runs.", ("version",), registry=registry, multiprocess_mode="max"
        )
        build.labels(version("velithon-exporter")).set(1)
        self._read: dict[Gauge, Reading] = {}
        self._dropped = Counter(
            "exporter_log_lines_dropped", "Lines that were not written.", ("log",), registry=registry
        )
        self._drops: dict[str, tuple[Drops, int]] = {}

    def watch(self, name: str, documentation: str, reading: Reading) -> None:
        """Have a gauge follow a number of this worker's; the sum over all workers is what is shown."""
        self._read[self._gauge(name, documentation)] = reading

    def watch_log(self, name: str, drops: Drops) -> None:
        """Have a counter follow how many lines of a log were dropped."""
        self._drops[name] = drops, 0
        self._dropped.labels(name)

    def sample(self) -> None:
        """Bring what follows something up to date."""
        for gauge, reading in self._read.items():
            gauge.set(reading())
        for name, (drops, before) in self._drops.items():
            now = drops()
            self._dropped.labels(name).inc(now - before)
            self._drops[name] = drops, now

    def exposition(self) -> bytes:
        """Return the metrics of all workers as text. Slow: it reads a few files for each; thread-safe."""
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


@contextmanager
def _switching_often() -> Iterator[None]:
    """Let the event loop's thread have the interpreter sooner than usual; merging files is Python from end to end."""
    sys.setswitchinterval(_SHORT_INTERVAL)
    try:
        yield
    finally:
        sys.setswitchinterval(_USUAL_INTERVAL)


def _forget_dead(folder: Path) -> None:
    """Remove what workers that no longer run say of the present; what they have counted stays."""
    for pid in {int(path.stem.rpartition("_")[2]) for path in folder.glob("gauge_live*.db")}:
        try:
            os.kill(pid, 0)
        except (ProcessLookupError, PermissionError):  # or its number is somebody else's by now
            with suppress(FileNotFoundError):  # another worker was asked at the same time
                mark_process_dead(pid, str(folder))
