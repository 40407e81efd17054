"""How the worker's memory and the rows a second change with the number of rows, by format."""

from dataclasses import dataclass

from benchmarks.bench import Bench
from benchmarks.measure import Growth
from benchmarks.measure import run as run_client
from benchmarks.programs import curl
from benchmarks.progress import say
from benchmarks.service import running
from benchmarks.tables import MIB, figure, table

TITLE = "By size: memory of the worker (USS) over idle at the peak, and thousand rows a second"
WHOLE = 6_000_000
"""About all of lineitem, at scale factor 1."""
SIZES = (1_000_000, WHOLE)
LONG = 60_000_000


@dataclass(frozen=True, slots=True)
class Export:
    """One export by a fresh service, so that nothing that an earlier one left is used again."""

    dataset: str
    extension: str
    at_scale_1: int | None
    """The requested rows; `None` means all rows of a table."""
    rows: int
    seconds: float
    idle: int
    """Bytes that the worker alone uses (USS) before its first export."""
    growth: int
    """Bytes, at the peak."""

    @property
    def rate(self) -> float:
        """Rows a second."""
        return self.rows / self.seconds


def run(bench: Bench) -> list[Export]:
    """Export every format in every size, over one connection, and whole tables as they are read by default."""
    sizes = (*SIZES, LONG) if bench.options.long else SIZES
    tables = bench.database.facts.tables
    return [
        *(_export(bench, "rows", extension, bench.scaled(size), size) for size in sizes for extension in bench.formats),
        *(
            _export(bench, dataset, extension, tables[f"public.{dataset}"].rows)
            for dataset in ("lineitem", "mixed")
            for extension in bench.formats
        ),
    ]


def _export(bench: Bench, dataset: str, extension: str, rows: int, at_scale_1: int | None = None) -> Export:
    say(f"memory: {dataset}, {rows:,} rows, {extension}")
    query = f"?rows={rows}" if at_scale_1 else ""
    with running(bench.database.url) as service, Growth(service.worker) as growth:
        done = run_client(curl(f"{service.url}/datasets/{dataset}.{extension}{query}"))
    return Export(dataset, extension, at_scale_1, rows, done.seconds, growth.idle, growth.bytes)


def markdown(found: list[Export]) -> str:
    """Show growth and rate by format and rows."""
    columns = list(dict.fromkeys((one.dataset, one.rows) for one in found))
    cells = {(one.extension, one.dataset, one.rows): _cell(one) for one in found}
    heads = ("MiB; krow/s", *(f"{dataset}, {rows:,}" for dataset, rows in columns))
    extensions = dict.fromkeys(one.extension for one in found)
    return table(heads, ((extension, *(cells[extension, *column] for column in columns)) for extension in extensions))


def _cell(one: Export) -> str:
    return f"{figure(one.growth, MIB, 0)}; {figure(one.rate, 1000, 0)}"
