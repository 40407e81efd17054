"""How the worker's memory grows over idle, by format and by the number of rows."""

from dataclasses import dataclass

from benchmarks.bench import EXTENSIONS, Bench
from benchmarks.measure import Growth
from benchmarks.measure import run as run_client
from benchmarks.progress import say
from benchmarks.service import running

WHOLE = 6_000_000
"""About all of lineitem, at scale factor 1."""
SIZES = (1_000_000, WHOLE)
LONG = 60_000_000


@dataclass(frozen=True, slots=True)
class Export:
    """One export by a fresh service, so that nothing that an earlier one left is used again."""

    extension: str
    at_scale_1: int
    rows: int
    seconds: float
    idle: int
    """Bytes that the worker alone uses (USS) before its first export."""
    growth: int
    """Bytes, at the peak."""


def run(bench: Bench, *, long: bool) -> list[Export]:
    """Export every format in every size."""
    sizes = (*SIZES, LONG) if long else SIZES
    return [_export(bench, extension, size) for size in sizes for extension in EXTENSIONS]


def _export(bench: Bench, extension: str, size: int) -> Export:
    rows = bench.scaled(size)
    say(f"memory: {rows:,} rows, {extension}")
    with running(bench.database.url) as service, Growth(service.worker) as growth:
        url = f"{service.url}/datasets/rows.{extension}?rows={rows}"
        done = run_client(["curl", "-q", "-sS", "--fail", "--noproxy", "*", "-o", "/dev/null", url])
    return Export(extension, size, rows, done.seconds, growth.idle, growth.bytes)
