"""The benchmark as an instrument: every figure is there and hangs together, on a table too small to mean much."""

import json
import subprocess
import sys
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

from tests.acceptance.service import fetch
from tests.postgres import find_psql, fresh_database

ROOT = Path(__file__).parents[2]
SCALE = 0.003
CONTENDERS = {
    "ours, CSV",
    "ours, NDJSON",
    "ours, Parquet zstd",
    "ours, Arrow stream",
    r"psql \copy csv",
    r"psql \copy row_to_json",
    "ADBC + pyarrow, Parquet zstd",
    "bare COPY csv (asyncpg)",
    "server only, COPY csv",
}
EXTENSIONS = {"csv", "ndjson", "parquet", "arrows"}

pytestmark = [
    pytest.mark.timeout(400),
    pytest.mark.skipif(not Path(sys.executable).with_name("tpchgen-cli").exists(), reason="needs the extra bench"),
    pytest.mark.skipif(not find_psql(), reason="needs psql"),
]


def benchmarks(*arguments: object) -> "subprocess.CompletedProcess[str]":
    command = [sys.executable, "-m", "benchmarks", *map(str, arguments)]
    return subprocess.run(command, cwd=ROOT, check=False, capture_output=True, text=True)


@pytest.fixture(scope="module")
def database(server_url: str) -> Iterator[str]:
    with fresh_database(server_url) as url:
        yield url


@pytest.fixture(scope="module")
def report(database: str, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """The report of a run, as JSON; its Markdown is under `markdown`."""
    folder = tmp_path_factory.mktemp("results")
    settings = ("--scale", SCALE, "--rounds", 1, "--requests", 5, "--clients", 2, "--results", folder)
    done = benchmarks("--database-url", database, *settings)
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == (folder / "report.md").read_text().strip()
    return json.loads((folder / "report.json").read_text()) | {"markdown": done.stdout}


def test_every_contender_delivered_every_row(report: dict[str, Any], database: str) -> None:
    (row,) = fetch(database, "SELECT count(*) FROM public.lineitem")
    results = {result["name"]: result for result in report["exports"]}
    assert results.keys() == CONTENDERS
    for name, result in results.items():
        if name.startswith("ADBC") and not find_spec("adbc_driver_postgresql"):
            assert result["left_out"] == "adbc_driver_postgresql is not installed"
            assert f"{name} was left out" in report["markdown"]
            continue
        assert result["left_out"] is None
        assert result["rows"] == row["count"] > 0
        assert len(result["runs"]) == 1
        assert result["rows_per_second"] == pytest.approx(result["rows"] / result["median"]["seconds"])


def test_figures_are_what_they_are_called(report: dict[str, Any]) -> None:
    median = {result["name"]: result["median"] for result in report["exports"]}
    # The same rows as the same CSV, counted by curl, by the kernel and by the driver.
    csv = median["bare COPY csv (asyncpg)"]["bytes"]
    assert median["ours, CSV"]["bytes"] == csv > 100 * report["database"]["rows"]
    if sys.platform == "linux":
        assert median[r"psql \copy csv"]["bytes"] == pytest.approx(csv, abs=100)
    assert median["ours, Parquet zstd"]["bytes"] < csv / 2
    for name, figures in median.items():
        assert (figures["service_cpu"] is not None) == name.startswith("ours"), name
        assert figures["first_byte"] is None or 0 < figures["first_byte"] <= figures["seconds"]
    assert median["ours, NDJSON"]["service_cpu"] > 0
    assert 0 < report["first_byte"]["median"] <= report["first_byte"]["p95"]


def test_memory_of_every_format_and_size(report: dict[str, Any]) -> None:
    assert {(one["extension"], one["rows"]) for one in report["memory"]} == {
        (extension, rows) for extension in EXTENSIONS for rows in (3000, 18000)
    }
    assert all(one["growth"] > 0 and one["idle"] > 2**20 for one in report["memory"])
    assert {one["extension"]: one["clients"] for one in report["stalled"]} == dict.fromkeys(EXTENSIONS, 2)
    assert all(0 <= one["holding"] <= 2 for one in report["stalled"])
    # About 25 megabytes: more than the service and the sockets hold.
    assert next(one for one in report["stalled"] if one["extension"] == "csv")["holding"] == 2


def test_every_goal_is_judged_by_its_figure(report: dict[str, Any]) -> None:
    unmeasured = [goal["what"] for goal in report["goals"] if goal["met"] is None]
    assert all("stalled" in what or "ADBC" in what for what in unmeasured)
    for goal in report["goals"]:
        assert f"| {goal['what']} |" in report["markdown"]
        if goal["value"] is not None:
            met = goal["value"] >= goal["at_least"] if goal["at_least"] else goal["value"] <= goal["at_most"]
            assert goal["met"] is met
    rates = {result["name"]: result["rows_per_second"] for result in report["exports"]}
    first = next(goal for goal in report["goals"] if goal["what"] == r"ours, CSV / psql \copy csv")
    assert first["value"] == pytest.approx(rates["ours, CSV"] / rates[r"psql \copy csv"])
    assert report["ratios"]["ours, CSV"][r"psql \copy csv"] == first["value"]


def test_machine_and_versions_are_told(report: dict[str, Any]) -> None:
    assert report["machine"]["cores"] > 0
    assert report["machine"]["memory_bytes"] > 2**28
    for name in ("python", "psql", "curl", "asyncpg", "pyarrow", "granian"):
        assert f"{name} {report['versions'][name]}" in report["markdown"]
    assert "smoke run" in report["markdown"]


@pytest.mark.usefixtures("report")
def test_a_table_of_another_size_is_left_alone(database: str, tmp_path: Path) -> None:
    before = fetch(database, "SELECT count(*) FROM public.lineitem")
    done = benchmarks("--database-url", database, "--scale", 0.5, "--results", tmp_path)
    assert done.returncode == 1
    assert "lineitem has" in done.stderr
    assert "Traceback" not in done.stderr
    assert fetch(database, "SELECT count(*) FROM public.lineitem") == before
