"""What the service's processes hold, over time."""

import statistics
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import psutil

MIB = 2**20
GROWTH = {"memory": 48 * MIB, "descriptors": 8, "threads": 4}
"""What a worker may hold more at the end than at the beginning, both times idle."""


class Sample(NamedTuple):
    """What one process holds."""

    seconds: float
    pid: int
    memory: int
    """Bytes that are the process's own (USS)."""
    descriptors: int
    threads: int
    connections: int


@dataclass(slots=True)
class Samples:
    """Samples of all workers."""

    workers: Callable[[], Sequence[psutil.Process]]
    taken: list[Sample] = field(default_factory=list)
    _started: float = field(default_factory=time.monotonic)

    def run(self, pause: float, over: threading.Event) -> None:
        """Take samples until it is over."""
        while not over.wait(pause):
            self.take()

    def take(self) -> list[Sample]:
        """Take a sample of each worker, and return them."""
        now = [sample for worker in self.workers() if (sample := self._of(worker)) is not None]
        self.taken += now
        return now

    def _of(self, worker: psutil.Process) -> Sample | None:
        try:
            held = (worker.num_fds(), worker.num_threads(), len(worker.net_connections()))
            return Sample(time.monotonic() - self._started, worker.pid, worker.memory_full_info().uss, *held)
        except psutil.Error:  # killed in the meantime
            return None

    def lasting(self, pid: int) -> Sequence[Sample]:
        """Return the samples of one worker."""
        return [sample for sample in self.taken if sample.pid == pid]


def growth(before: Sample, after: Sample) -> list[str]:
    """Return what one worker holds too much of, as sentences."""
    return [
        f"{what} grew from {getattr(before, what):,} to {getattr(after, what):,} between idle and idle"
        for what, most in GROWTH.items()
        if getattr(after, what) - getattr(before, what) > most
    ]


def drift(samples: Sequence[Sample]) -> int:
    """Return by how many bytes the median memory of the last third of a run is above that of the second third."""
    third = len(samples) // 3
    if not third:
        return 0
    middle, last = samples[third : 2 * third], samples[-third:]
    return int(statistics.median(s.memory for s in last) - statistics.median(s.memory for s in middle))
