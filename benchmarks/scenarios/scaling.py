"""How exports speed up with threads, with connections, and with worker processes."""

import json
from dataclasses import dataclass

from benchmarks.bench import Bench
from benchmarks.loading import LINEITEM
from benchmarks.measure import cpu
from benchmarks.measure import run as run_client
from benchmarks.programs import curl
from benchmarks.progress import say
from benchmarks.scenarios.several import ROWS, times
from benchmarks.service import running
from benchmarks.tables import figure, table

TITLE = "Threads, connections and workers"
_FORMATS = ("ndjson", "parquet")
"""Those whose encoding costs more than their reading."""
EXPORTS = 8
"""At once, where workers are compared."""

_ONE_CONNECTION = {"parallel": 1}


@dataclass(frozen=True, slots=True)
class Scaled:
    """One way to run the service."""

    extension: str
    exports: int
    workers: int
    threads: int | None
    """Of each worker; `None` for the default."""
    one_connection: bool
    """Whether an export reads over one connection; else over as many as it does by default."""
    rows: int
    """Of all exports."""
    seconds: float
    service_cpu: float

    @property
    def rate(self) -> float:
        """Rows a second."""
        return self.rows / self.seconds


def run(bench: Bench) -> list[Scaled]:
    """Run one export with one and two threads, and several exports with one and two workers."""
    formats = [extension for extension in bench.formats if extension in _FORMATS]
    return [
        *(
            _one(bench, extension, threads, one_connection=one_connection)
            for extension in formats
            for one_connection in (True, False)
            for threads in (1, 2)
        ),
        *(_several(bench, extension, workers) for extension in formats for workers in (1, 2)),
    ]


def _one(bench: Bench, extension: str, threads: int, *, one_connection: bool) -> Scaled:
    connections = _ONE_CONNECTION if one_connection else {}
    say(f"scaling: {extension}, {threads} threads, {'one connection' if one_connection else 'default connections'}")
    with running(bench.database.url, threads=threads, **connections) as service:
        before = cpu(service.process)
        done = run_client(curl(f"{service.url}/datasets/lineitem.{extension}"))
        spent = cpu(service.process) - before
    rows, seconds = bench.database.facts.tables[LINEITEM].rows, json.loads(done.output)["seconds"]
    return Scaled(extension, 1, 1, threads, one_connection, rows, seconds, spent)


def _several(bench: Bench, extension: str, workers: int) -> Scaled:
    rows = bench.scaled(ROWS)
    say(f"scaling: {extension}, {EXPORTS} exports at once, {workers} workers")
    with running(bench.database.url, workers=workers) as service:
        before = cpu(service.process)
        seconds = max(times(service, extension, rows, EXPORTS))
        spent = cpu(service.process) - before
    return Scaled(extension, EXPORTS, workers, None, False, EXPORTS * rows, seconds, spent)


def markdown(found: list[Scaled]) -> str:
    """Show rates by how the service runs."""
    heads = ("format", "exports at once", "workers", "threads", "connections", "wall s", "krow/s", "CPU s service")
    rows = (
        (
            one.extension,
            str(one.exports),
            str(one.workers),
            str(one.threads or "default"),
            "1" if one.one_connection else "default",
            figure(one.seconds, 1, 2),
            figure(one.rate, 1000, 0),
            figure(one.service_cpu, 1, 2),
        )
        for one in found
    )
    return table(heads, rows)
