"""How soon a trivial dataset answers."""

import time
from dataclasses import dataclass
from statistics import median, quantiles

from benchmarks.bench import Bench
from benchmarks.progress import say
from benchmarks.service import Service, running
from benchmarks.tables import figure, table

TITLE = "First byte of a trivial dataset"

_PATH = "/datasets/one.csv"
_UNCOUNTED = 5
"""First requests, which open the database connection."""


@dataclass(frozen=True, slots=True)
class FirstByte:
    """Seconds from before the connection is opened to the first byte of the body."""

    requests: int
    median: float
    p95: float


def run(bench: Bench) -> FirstByte:
    """Ask again and again, each time over a new connection."""
    requests = bench.options.requests
    say(f"first byte: {requests} requests")
    with running(bench.database.url) as service:
        waits = [_wait(service) for _ in range(_UNCOUNTED + requests)][_UNCOUNTED:]
    return FirstByte(requests, median(waits), quantiles(waits, n=20, method="inclusive")[-1])


def _wait(service: Service) -> float:
    started = time.perf_counter()
    with service.asked(_PATH) as response:
        response.read(1)
        waited = time.perf_counter() - started
        response.read()
    return waited


def markdown(found: FirstByte) -> str:
    """Show how soon a request is answered."""
    cells = (f"{found.requests}, each over a new connection", figure(found.median, 0.001), figure(found.p95, 0.001))
    return table(("requests", "median ms", "95th percentile ms"), [cells])
