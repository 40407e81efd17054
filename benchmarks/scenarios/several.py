"""Several exports at once."""

import json
from collections.abc import Iterator
from dataclasses import dataclass

from benchmarks import count
from benchmarks.bench import Bench
from benchmarks.measure import Failed, Growth, cpu, settled, together
from benchmarks.programs import curl
from benchmarks.progress import say
from benchmarks.service import Service, running
from benchmarks.tables import MIB, figure, table

TITLE = "Several exports at once"
CLIENTS = (8, 32)
ROWS = 1_000_000


@dataclass(frozen=True, slots=True)
class Several:
    """Clients that ask for the same rows at the same time. Times in seconds."""

    extension: str
    clients: int
    rows: int
    """Of each."""
    seconds: float
    """Until the last had all."""
    fastest: float
    service_cpu: float
    growth: int
    """Bytes of the worker (USS) over idle, at the peak."""

    @property
    def rate(self) -> float:
        """Rows a second, of all together."""
        return self.clients * self.rows / self.seconds


def run(bench: Bench) -> list[Several]:
    """Export every format to several clients."""
    return [found for extension in bench.formats for found in _format(bench, extension)]


def _format(bench: Bench, extension: str) -> Iterator[Several]:
    with running(bench.database.url, pool_size=max(CLIENTS)) as service:
        idle = settled(service.worker)
        for clients in CLIENTS:
            say(f"{clients} exports at once, {extension}")
            yield _several(bench, service, extension, clients, idle)
        _count(service, extension, bench.scaled(ROWS))


def _several(bench: Bench, service: Service, extension: str, clients: int, idle: int) -> Several:
    rows, before = bench.scaled(ROWS), cpu(service.process)
    with Growth(service.worker, idle) as growth:
        seconds = times(service, extension, rows, clients)
    return Several(extension, clients, rows, max(seconds), min(seconds), cpu(service.process) - before, growth.bytes)


def times(service: Service, extension: str, rows: int, clients: int) -> list[float]:
    """Ask as several clients at once; return the seconds of each."""
    done = together([curl(f"{service.url}/datasets/rows.{extension}?rows={rows}")] * clients)
    return [json.loads(run.output)["seconds"] for run in done]


def _count(service: Service, extension: str, rows: int) -> None:
    """Read the document once.

    Raises Failed when it has other rows.
    """
    with service.asked(f"/datasets/rows.{extension}?rows={rows}") as response:
        found = count.COUNTERS[extension](response)
    if found != rows:
        raise Failed(f"{extension}: {found:,} rows instead of {rows:,}")


def markdown(found: list[Several]) -> str:
    """Show what each number of clients gets together."""
    rows = (
        (
            f"{one.extension}, {one.clients} of {one.rows:,} rows",
            figure(one.seconds, 1, 2),
            figure(one.rate, 1000, 0),
            figure(one.seconds / one.fastest, 1, 2),
            figure(one.service_cpu, 1, 2),
            figure(one.growth, MIB, 0),
        )
        for one in found
    )
    heads = ("exports", "wall s", "krow/s of all", "slowest / fastest", "CPU s service", "worker MiB over idle")
    return table(heads, rows)
