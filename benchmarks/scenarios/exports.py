"""All of lineitem, by each contender in turn."""

from benchmarks import interleaved, results_table
from benchmarks.bench import Bench
from benchmarks.contenders import LINEITEM
from benchmarks.interleaved import Result

TITLE = "All of lineitem"

_TEXT = """\
Medians of interleaved rounds; beside the wall seconds those of the fastest and the slowest round. PostgreSQL's CPU
seconds are those of all its processes. The peak is the resident memory, program included, of whoever exports: the
service's largest process, or the client of who needs no service. CSV, NDJSON and Arrow are thrown away by everybody,
Parquet goes into a file. A document's rows are counted by reading it, or by who wrote it if nobody else can."""


def run(bench: Bench) -> list[Result]:
    """Export lineitem by everyone."""
    return interleaved.run(bench, LINEITEM)


def markdown(found: list[Result]) -> str:
    """Show every contender's figures."""
    return f"{_TEXT}\n\n{results_table.shown(found)}"
