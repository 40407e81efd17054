"""The tables of the report, in Markdown."""

from collections.abc import Iterable, Sequence

from benchmarks import goals as goals_
from benchmarks.bench import EXTENSIONS
from benchmarks.contenders import CONTENDERS
from benchmarks.scenarios.exports import Result
from benchmarks.scenarios.first_byte import FirstByte
from benchmarks.scenarios.memory import WHOLE, Export
from benchmarks.scenarios.stalled import Stalled

_MIB = 2**20
_SERVED = {contender.name for contender in CONTENDERS if contender.serve}
_VERDICTS = {True: "met", False: "**missed**", None: "not measured"}


def table(heads: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Lay out a table; all columns but the first are figures."""
    lines = [heads, ["---", *["---:"] * (len(heads) - 1)], *rows]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in lines)


def ours(results: Iterable[Result]) -> list[Result]:
    """Return the contenders that a service of this project serves."""
    return [result for result in results if result.name in _SERVED]


def peers(results: Iterable[Result]) -> list[Result]:
    """Return the others."""
    return [result for result in results if result.name not in _SERVED]


def goals(found: Iterable[goals_.Goal]) -> str:
    """Say which goals were met."""
    rows = []
    for goal in found:
        limit = f"≥ {goal.at_least:g}" if goal.at_least is not None else f"≤ {goal.at_most:g}"
        rows.append((goal.what, f"{limit} {goal.unit}".strip(), _figure(goal.value, 1, 2), _VERDICTS[goal.met]))
    return table(("goal", "limit", "measured", ""), rows)


def exports(results: Iterable[Result], memory: Iterable[Export]) -> str:
    """Show every contender's figures."""
    heads = (
        *("contender", "wall s", "krow/s", "MB/s", "CPU s service", "client", "PostgreSQL"),
        *("worker MiB over idle", "first byte ms"),
    )
    growth = {export.extension: export.growth for export in memory if export.at_scale_1 == WHOLE}
    return table(heads, (_export(result, growth) for result in results if result.runs))


def _export(result: Result, growth: dict[str, int]) -> tuple[str, ...]:
    median, seconds = result.median, [run.seconds for run in result.runs]
    size = median["bytes"]
    return (
        result.name,
        f"{median['seconds']:.2f} ({min(seconds):.2f}-{max(seconds):.2f})",
        _figure(result.rate, 1000, 0),
        _figure(size and size / median["seconds"], 10**6, 0),
        _figure(median["service_cpu"], 1, 2),
        _figure(median["client_cpu"], 1, 2),
        _figure(median["postgresql_cpu"], 1, 2),
        _figure(growth.get(result.delivers) if result.name in _SERVED else None, _MIB, 0),
        _figure(median["first_byte"], 0.001, 0),
    )


def ratios(results: Sequence[Result]) -> str:
    """Show how many times as fast as each peer each of ours is."""
    others = peers(results)
    rows = ((mine.name, *(_figure(goals_.ratio(mine, peer), 1, 2) for peer in others)) for mine in ours(results))
    return table(("", *(peer.name for peer in others)), rows)


def memory(found: Sequence[Export]) -> str:
    """Show the growth of the worker by format and rows."""
    sizes = sorted({export.rows for export in found})
    grown = {(export.extension, export.rows): export.growth for export in found}
    rows = ((one, *(_figure(grown[one, size], _MIB, 0) for size in sizes)) for one in EXTENSIONS)
    return table(("MiB", *(f"{size:,} rows" for size in sizes)), rows)


def stalled(found: Iterable[Stalled]) -> str:
    """Show what each client that reads nothing costs."""
    rows = (
        (one.extension, f"{one.holding} of {one.clients}", _figure(one.held_each, _MIB), _figure(one.peak_each, _MIB))
        for one in found
    )
    return table(("format", "exports held up", "MiB each, held", "at the peak"), rows)


def first_byte(found: FirstByte) -> str:
    """Show how soon a request is answered."""
    cells = (f"{found.requests}, each over a new connection", _figure(found.median, 0.001), _figure(found.p95, 0.001))
    return table(("requests", "median ms", "95th percentile ms"), [cells])


def _figure(value: float | None, unit: float = 1, digits: int = 1) -> str:
    return "-" if value is None else f"{value / unit:,.{digits}f}"
