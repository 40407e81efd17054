"""The command: `python -m benchmarks`."""

import signal
import sys
import tempfile
import time
from pathlib import Path

from cyclopts import App

from benchmarks import machine, report
from benchmarks.bench import Bench
from benchmarks.database import prepared
from benchmarks.measurements import Measurements
from benchmarks.options import Options
from benchmarks.progress import say
from benchmarks.scenarios import SCENARIOS

app = App(name="benchmarks", help="Measure the service against what people use now.", help_format="plaintext")


@app.default
def main(options: Options | None = None) -> None:
    """Run the scenarios; print the report, and write it as Markdown and JSON, with a plot."""
    # So that what is running is stopped on the way out.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("terminated"))
    options = options or Options()
    names = _chosen(options.only)
    host = machine.described()
    found, seconds = Measurements(), {}
    with prepared(options.database_url, options.scale) as database, tempfile.TemporaryDirectory() as scratch:
        bench = Bench(database, Path(scratch), options)
        for name in names:
            started = time.monotonic()
            setattr(found, name, SCENARIOS[name].run(bench))
            seconds[name] = time.monotonic() - started
    run = report.Report(host, machine.versions(), database.facts, options.rounds, found, seconds)
    print(report.written(run, options.results))
    say(f"written to {options.results}")


def _chosen(only: str | None) -> list[str]:
    if only is None:
        return list(SCENARIOS)
    names = only.split(",")
    if unknown := set(names) - SCENARIOS.keys():
        sys.exit(f"no such scenario: {', '.join(sorted(unknown))}; there are {', '.join(SCENARIOS)}")
    return names


if __name__ == "__main__":
    app()
