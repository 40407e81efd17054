"""The report: Markdown to read, JSON to compute with."""

import json
from dataclasses import asdict, dataclass
from pathlib import Path

from benchmarks import goals, tables
from benchmarks.database import Facts
from benchmarks.scenarios.exports import Result
from benchmarks.scenarios.first_byte import FirstByte
from benchmarks.scenarios.memory import Export
from benchmarks.scenarios.stalled import Stalled


@dataclass(frozen=True, slots=True)
class Report:
    """All that a run found."""

    machine: dict[str, str | int | float]
    versions: dict[str, str | None]
    database: Facts
    rounds: int
    exports: list[Result]
    memory: list[Export]
    stalled: list[Stalled]
    first_byte: FirstByte

    @property
    def goals(self) -> list[goals.Goal]:
        """The goals, with the figures of this run."""
        return goals.goals(self.exports, self.memory, self.stalled, self.first_byte)


def written(report: Report, folder: Path) -> str:
    """Write report.md and report.json into the folder; return the Markdown."""
    folder.mkdir(parents=True, exist_ok=True)
    text = markdown(report)
    (folder / "report.md").write_text(text)
    (folder / "report.json").write_text(json.dumps(_plain(report), indent=2) + "\n")
    return text


def _plain(report: Report) -> dict[str, object]:
    rates = {result.name: {"rows_per_second": result.rate} for result in report.exports}
    plain = asdict(report)
    plain["exports"] = [result | rates[result["name"]] for result in plain["exports"]]
    plain["ratios"] = {
        ours.name: {peer.name: goals.ratio(ours, peer) for peer in tables.peers(report.exports)}
        for ours in tables.ours(report.exports)
    }
    plain["goals"] = [asdict(goal) | {"met": goal.met} for goal in report.goals]
    return plain


def markdown(report: Report) -> str:
    """Return the report as Markdown."""
    parts = [
        "# Benchmark",
        _circumstances(report),
        "## Goals",
        tables.goals(report.goals),
        "## All of lineitem",
        _EXPORTS.format(rounds=report.rounds),
        tables.exports(report.exports, report.memory),
        *(f"- {result.name} was left out: {result.left_out}" for result in report.exports if result.left_out),
        "## Rows a second, ours / peer",
        tables.ratios(report.exports),
        "## Memory of the worker (USS) over idle, at the peak",
        tables.memory(report.memory),
        "## Clients that read nothing",
        tables.stalled(report.stalled),
        "## First byte of a trivial dataset",
        tables.first_byte(report.first_byte),
    ]
    return "\n\n".join(parts) + "\n"


_EXPORTS = """\
Medians of {rounds} interleaved rounds; beside the wall seconds those of the fastest and the slowest round. PostgreSQL's
CPU seconds are those of all its processes. The worker's memory is from a separate export of about as many rows."""

_SMOKE = "- **A smoke run**: with so few rows the figures say nothing of speed."


def _circumstances(report: Report) -> str:
    machine, database = report.machine, report.database
    memory = int(machine["memory_bytes"]) / 2**30
    settings = ", ".join(f"{name} {value}" for name, value in database.settings.items())
    size = f"{database.rows:,} rows, {database.bytes / 2**20:,.0f} MiB (TPC-H scale {database.scale:g})"
    lines = [
        f"- {machine['date']}; load before: {machine['load_before']}",
        f"- {machine['cores']} cores of {machine['cpu']}, {memory:.1f} GiB, {machine['system']}",
        f"- PostgreSQL{' (embedded)' if database.embedded else ''}: {settings}",
        f"- lineitem: {size}",
        f"- {', '.join(f'{name} {value}' for name, value in report.versions.items() if value)}",
    ]
    return "\n".join(lines if database.scale >= 1 else [*lines, _SMOKE])
