"""All of a wide table of many types, with NULLs and text that needs escaping."""

from benchmarks import interleaved, results_table
from benchmarks.bench import Bench
from benchmarks.contenders import MIXED
from benchmarks.interleaved import Result

TITLE = "A wide table of many types"


def run(bench: Bench) -> list[Result]:
    """Export mixed by everyone who can."""
    return interleaved.run(bench, MIXED)


def markdown(found: list[Result]) -> str:
    """Show every contender's figures."""
    return results_table.shown(found)
