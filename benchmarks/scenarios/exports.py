"""All of lineitem, by each contender in turn."""

import shutil
import tempfile
from contextlib import nullcontext
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path
from statistics import median

from benchmarks import count
from benchmarks.bench import Bench
from benchmarks.contenders import CONTENDERS, Contender
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


@dataclass(slots=True)
class Result:
    """All runs of a contender, and their medians."""

    name: str
    delivers: str
    rows: int = 0
    runs: list[Measured] = field(default_factory=list)
    left_out: str | None = None
    """Why there are no figures."""
    median: dict[str, float | None] = field(default_factory=dict)

    @property
    def rate(self) -> float | None:
        """Rows a second, at the median."""
        return self.rows / self.median["seconds"] if self.runs else None


def run(bench: Bench, rounds: int) -> list[Result]:
    """Run the contenders one after another, round by round, so that a machine that drifts drifts for all."""
    results = {contender: Result(contender.name, contender.delivers) for contender in CONTENDERS}
    for number in range(rounds):
        for contender, result in results.items():
            if not result.left_out:
                say(f"round {number + 1} of {rounds}: {contender.name}")
                _add(contender, bench, result)
    for result in results.values():
        _summarize(result)
    return list(results.values())


def _add(contender: Contender, bench: Bench, result: Result) -> None:
    if contender.needs and not find_spec(contender.needs):
        result.left_out = f"{contender.needs} is not installed"
        return
    folder = Path(tempfile.mkdtemp(dir=bench.scratch))
    try:
        _once(contender, bench, folder, result)
    except Failed as failure:
        if contender.serve:
            raise
        # Whoever cannot run here (an old psql, no right to COPY on the server) does not stop the others.
        result.left_out = str(failure)
    finally:
        shutil.rmtree(folder)


def _once(contender: Contender, bench: Bench, folder: Path, result: Result) -> None:
    url, postmaster = bench.database.url, bench.database.postmaster
    with contender.serve(url) if contender.serve else nullcontext() as service:
        roots = (service.process if service else None, postmaster)
        before = [root and cpu(root) for root in roots]
        done = run_client(contender.command(service.url if service else url, folder))
        spent = [root and cpu(root) - start for root, start in zip(roots, before, strict=True)]
        told = contender.told(done)
        result.runs.append(
            Measured(
                told.seconds or done.seconds, told.bytes, told.first_byte,
                spent[0], told.cpu or done.cpu, spent[1],
            )
        )  # fmt: skip
        # Who tells its rows is believed each time; a download is counted after its first run only, and then untimed.
        result.rows = told.rows or result.rows or _counted(contender, service, folder)
    if result.rows != bench.database.facts.rows:
        raise RuntimeError(f"{contender.name}: {result.rows:,} rows instead of {bench.database.facts.rows:,}")


def _counted(contender: Contender, service: Service | None, folder: Path) -> int:
    assert service, f"{contender.name} must tell its rows"
    say(f"  counting the rows of {contender.name}")
    return count.rows(service, contender.path, contender.delivers, folder)


def _summarize(result: Result) -> None:
    for name in Measured.__slots__ if result.runs else ():
        values = [value for measured in result.runs if (value := getattr(measured, name)) is not None]
        result.median[name] = median(values) if values else None
