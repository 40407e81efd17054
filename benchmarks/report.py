"""The report: Markdown to read, JSON to compute with, and a plot."""

import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

from benchmarks import goals, plot
from benchmarks.database import Facts
from benchmarks.interleaved import Result
from benchmarks.measurements import Measurements
from benchmarks.results_table import ours, peers, ratio
from benchmarks.scenarios import SCENARIOS
from benchmarks.tables import MIB, figure, table

_VERDICTS = {True: "met", False: "**missed**", None: "not measured"}


@dataclass(frozen=True, slots=True)
class Report:
    """A run."""

    machine: dict[str, str | int | float]
    versions: dict[str, str | None]
    database: Facts
    rounds: int
    found: Measurements
    seconds: dict[str, float]
    """What each scenario took."""

    @property
    def goals(self) -> list[goals.Goal]:
        """The goals, with the figures of this run."""
        return goals.goals(self.found)


def written(report: Report, folder: Path) -> str:
    """Write report.md, report.json and the plot into the folder; return the Markdown."""
    folder.mkdir(parents=True, exist_ok=True)
    text = markdown(report)
    (folder / "report.md").write_text(text)
    (folder / "report.json").write_text(json.dumps(_plain(report), indent=2) + "\n")
    if report.found.memory:
        plot.draw(report.found.memory, folder)
    return text


def _plain(report: Report) -> dict[str, object]:
    plain = asdict(report)
    found = plain.pop("found")
    return plain | {
        **found,
        "exports": _rated(report.found.exports),
        "mixed": _rated(report.found.mixed),
        "small": [
            {"name": one.name, "connections": one.connections, "requests": len(one.latencies), "seconds": one.seconds}
            | {"requests_per_second": one.rate, "p50": one.p50, "p99": one.p99, "service_cpu": one.service_cpu}
            for one in report.found.small
        ],
        "ratios": {"lineitem": _ratios(report.found.exports), "mixed": _ratios(report.found.mixed)},
        "goals": [asdict(goal) | {"met": goal.met} for goal in report.goals],
    }


def _rated(results: list[Result]) -> list[dict[str, object]]:
    return [asdict(result) | {"rows_per_second": result.rate} for result in results]


def _ratios(results: list[Result]) -> dict[str, dict[str, float | None]]:
    return {mine.name: {peer.name: ratio(mine, peer) for peer in peers(results)} for mine in ours(results)}


def markdown(report: Report) -> str:
    """Return the report as Markdown."""
    return "\n\n".join(["# Benchmark", _circumstances(report), "## Goals", _goals(report), *_sections(report)]) + "\n"


def _sections(report: Report) -> Iterator[str]:
    for name, scenario in SCENARIOS.items():
        if found := getattr(report.found, name):
            yield f"## {scenario.TITLE}"
            yield scenario.markdown(found)
            if name == "memory":
                yield f"![rows a second and memory by size]({plot.NAME})"


def _goals(report: Report) -> str:
    """Say which goals were met."""
    rows = []
    for goal in report.goals:
        limit = f"≥ {goal.at_least:g}" if goal.at_least is not None else f"≤ {goal.at_most:g}"
        rows.append((goal.what, f"{limit} {goal.unit}".strip(), figure(goal.value, 1, 2), _VERDICTS[goal.met]))
    return table(("goal", "limit", "measured", ""), rows)


def _circumstances(report: Report) -> str:
    machine, database = report.machine, report.database
    memory = int(machine["memory_bytes"]) / 2**30
    settings = ", ".join(f"{name} {value}" for name, value in database.settings.items())
    sizes = (f"{name} {size.rows:,} rows, {size.bytes / MIB:,.0f} MiB" for name, size in database.tables.items())
    lines = [
        f"- {machine['date']}; load before: {machine['load_before']}; {report.rounds} rounds",
        f"- {machine['cores']} cores of {machine['cpu']}, {memory:.1f} GiB, {machine['system']}",
        f"- PostgreSQL{' (embedded)' if database.embedded else ''}: {settings}",
        f"- TPC-H scale {database.scale:g}: {'; '.join(sizes)}",
        f"- {', '.join(f'{name} {value}' for name, value in report.versions.items() if value)}",
        f"- seconds: {', '.join(f'{name} {seconds:.0f}' for name, seconds in report.seconds.items())}",
    ]
    return "\n".join(lines if database.scale >= 1 else [*lines, _SMOKE])


_SMOKE = "- **A smoke run**: with so few rows the figures say nothing of speed."
