"""Contenders that export the same table in turn."""

import shutil
import tempfile
from collections.abc import Sequence
from contextlib import nullcontext
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path
from statistics import median

from benchmarks import count
from benchmarks.bench import Bench
from benchmarks.contender import FILE, Contender
from benchmarks.measure import Failed, cpu
from benchmarks.measure import run as run_client
from benchmarks.progress import say
from benchmarks.service import Service


@dataclass(frozen=True, slots=True)
class Measured:
    """One run. Times in seconds; `None` where it cannot be known."""

    seconds: float
    bytes: int | None
    first_byte: float | None
    service_cpu: float | None
    client_cpu: float
    postgresql_cpu: float | None
    peak: int | None
    """The most memory (RSS) of who exports, in bytes: the service's largest process, or a client without a service."""


@dataclass(slots=True)
class Result:
    """All runs of a contender, and their medians."""

    name: str
    delivers: str
    ours: bool
    loses: str | None
    rows: int = 0
    runs: list[Measured] = field(default_factory=list)
    left_out: str | None = None
    """Why there are no figures."""
    median: dict[str, float | None] = field(default_factory=dict)

    @property
    def rate(self) -> float | None:
        """Rows a second, at the median."""
        return self.rows / self.seconds if self.runs else None

    @property
    def seconds(self) -> float:
        """The median of what every run knows."""
        return median(run.seconds for run in self.runs)


def run(bench: Bench, contenders: Sequence[Contender]) -> list[Result]:
    """Run the contenders one after another, round by round, so that a machine that drifts drifts for all."""
    results = {one: Result(one.name, one.delivers, one.ours, one.loses) for one in contenders}
    rounds = bench.options.rounds
    for number in range(rounds):
        for contender, result in results.items():
            if not result.left_out and not (number and contender.once):
                say(f"round {number + 1} of {rounds}: {contender.table}, {contender.name}")
                _add(contender, bench, result)
    for result in results.values():
        _summarize(result)
    return list(results.values())


def _add(contender: Contender, bench: Bench, result: Result) -> None:
    missing = [module for module in contender.needs if not find_spec(module)]
    if missing:
        result.left_out = f"{missing[0]} is not installed"
        return
    folder = Path(tempfile.mkdtemp(dir=bench.scratch))
    try:
        _once(contender, bench, folder, result)
    except Failed as failure:
        if contender.ours:
            raise
        # A contender that cannot run here (an old psql, no right to COPY on the server) does not stop the others.
        result.left_out = str(failure)
        result.runs.clear()
    finally:
        shutil.rmtree(folder)


def _once(contender: Contender, bench: Bench, folder: Path, result: Result) -> None:
    url, postmaster = bench.database.url, bench.database.postmaster
    wanted = _wanted(contender, bench)
    with contender.serve(url) if contender.serve else nullcontext() as service:
        roots = (service.process if service else None, postmaster)
        before = [cpu(root) if root else None for root in roots]
        done = run_client(contender.command(service.url if service else url, folder, wanted))
        spent = [
            cpu(root) - start if root and start is not None else None for root, start in zip(roots, before, strict=True)
        ]
        peak = service.high_water if service else done.peak
        told = contender.told(done)
        result.runs.append(
            Measured(
                told.seconds or done.seconds, told.bytes, told.first_byte,
                spent[0], told.cpu or done.cpu, spent[1], peak,
            )
        )  # fmt: skip
        # A document is read after the first run only, and then untimed; who tells its rows is believed later.
        counted = _counted(contender, service, folder / FILE, wanted) if len(result.runs) == 1 else None
        result.rows = next(rows for rows in (counted, told.rows, result.rows) if rows is not None)
    if result.rows != wanted:
        raise Failed(f"{contender.name}: {result.rows:,} rows instead of {wanted:,}")


def _wanted(contender: Contender, bench: Bench) -> int:
    rows = bench.database.facts.tables[contender.table].rows
    return min(bench.scaled(contender.part), rows) if contender.part else rows


def _counted(contender: Contender, service: Service | None, file: Path, wanted: int) -> int | None:
    """Read the document that was written, or ask the service once more; `None` where neither is possible."""
    if file.exists():
        return count.rows(file, contender.delivers)
    if not service:
        return None
    say(f"  counting the rows of {contender.name}")
    with service.asked(contender.path.format(rows=wanted)) as response:
        return count.COUNTERS[contender.delivers](response)


def _summarize(result: Result) -> None:
    for name in Measured.__slots__ if result.runs else ():
        values = [value for measured in result.runs if (value := getattr(measured, name)) is not None]
        result.median[name] = median(values) if values else None
