"""The command: `python -m benchmarks`."""

import signal
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from cyclopts import App, Parameter

from benchmarks import machine, report
from benchmarks.bench import Bench
from benchmarks.database import prepared
from benchmarks.progress import say
from benchmarks.scenarios import exports, first_byte, memory, stalled

RESULTS = Path(__file__).with_name("results")

app = App(name="benchmarks", help="Measure the service against what people use now.", help_format="plaintext")


@Parameter(name="*")
@dataclass(frozen=True, kw_only=True, slots=True)
class Options:
    """What the command line may say."""

    database_url: str | None = None
    """PostgreSQL to measure with, whose table public.lineitem is used, or made; without it an embedded one."""
    scale: float = 1.0
    """TPC-H scale factor: 1 gives 6,001,215 rows; 0.01 a run that only shows that everything works."""
    rounds: int = 3
    """How often each contender runs; medians are reported."""
    requests: int = 200
    """Requests of the first-byte scenario."""
    clients: int = 8
    """Clients that stall."""
    long: Annotated[bool, Parameter(negative="")] = False
    """Also export sixty million rows (times the scale)."""
    results: Path = RESULTS
    """The folder of report.md and report.json."""


@app.default
def main(options: Options | None = None) -> None:
    """Run every scenario; print the report, and write it as Markdown and JSON."""
    # So that what is running is stopped on the way out.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("terminated"))
    options = options or Options()
    host = machine.described()
    with prepared(options.database_url, options.scale) as database, tempfile.TemporaryDirectory() as scratch:
        bench = Bench(database, Path(scratch))
        found = report.Report(
            machine=host,
            versions=machine.versions(),
            database=database.facts,
            rounds=options.rounds,
            exports=exports.run(bench, options.rounds),
            memory=memory.run(bench, long=options.long),
            stalled=stalled.run(bench, options.clients),
            first_byte=first_byte.run(bench, options.requests),
        )
    print(report.written(found, options.results))
    say(f"written to {options.results}")


if __name__ == "__main__":
    app()
