"""The benchmark as an instrument: every figure is there and hangs together, on tables too small to mean much."""

import io
import json
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from itertools import pairwise
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import pytest

from benchmarks import goals, interleaved
from benchmarks.bench import Bench
from benchmarks.contender import FILE, Contender, Told, once
from benchmarks.count import COUNTERS
from benchmarks.database import Database, Facts
from benchmarks.loading import Size
from benchmarks.measure import Failed
from benchmarks.measurements import Measurements
from benchmarks.options import Options
from benchmarks.peers.address import with_host
from benchmarks.results_table import shown
from benchmarks.scenarios import SCENARIOS
from benchmarks.scenarios.memory import LONG, WHOLE, Export
from tests.acceptance.service import fetch
from tests.postgres import find_psql, fresh_database

ROOT = Path(__file__).parents[2]
SCALE = 0.003
OURS = {"ours, CSV", "ours, NDJSON", "ours, Parquet zstd", "ours, Arrow stream"}
BOTH = {
    r"psql \copy csv",
    r"psql \copy row_to_json",
    "DuckDB scan, CSV",
    "DuckDB scan, JSON",
    "DuckDB scan, Parquet zstd",
    "ADBC + pyarrow, Arrow stream",
}
BY_HAND = {"FastAPI + asyncpg + csv.writer", "FastAPI + asyncpg + orjson"}
LINEITEM = {
    *OURS,
    *(f"{name}, one connection" for name in OURS),
    *BOTH,
    *BY_HAND,
    "server only, COPY csv",
    "bare COPY csv (asyncpg)",
    "DuckDB postgres_query, CSV",
    "DuckDB postgres_query, JSON",
    "DuckDB postgres_query, Parquet zstd",
    "connectorx, Parquet zstd",
    "connectorx, two partitions, Parquet zstd",
    "ADBC + pyarrow, Parquet zstd",
    "polars (connectorx), Parquet zstd",
}
EVERYTHING = "exports,mixed,small,first_byte"
BY_SIZE = "memory,stalled"
BY_FORMAT = "several,compression,scaling"
RUNS = {EVERYTHING: "csv", BY_SIZE: "csv", BY_FORMAT: "csv,parquet"}
"""Scenarios and the formats of those that compare formats with themselves; two run side by side, as nothing is timed.

Each format takes a service of its own, and memory one for each size too: one format is enough there.
"""

pytestmark = [
    pytest.mark.timeout(600),  # the runs, on a machine that is busy with others
    pytest.mark.skipif(not Path(sys.executable).with_name("tpchgen-cli").exists(), reason="needs the extra bench"),
    pytest.mark.skipif(not find_psql(), reason="needs psql"),
]


def benchmarks(*arguments: object) -> "subprocess.CompletedProcess[str]":
    command = [sys.executable, "-m", "benchmarks", *map(str, arguments)]
    return subprocess.run(command, cwd=ROOT, check=False, capture_output=True, text=True)


@pytest.fixture(scope="module")
def databases(server_url: str) -> Iterator[dict[str, str]]:
    with ExitStack() as stack:
        yield {only: stack.enter_context(fresh_database(server_url)) for only in RUNS}


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    return {only: tmp_path_factory.mktemp("results") for only in RUNS}


@pytest.fixture(scope="module")
def report(databases: dict[str, str], folders: dict[str, Path]) -> dict[str, Any]:
    """The reports of runs that share the scenarios, as JSON, put together; their Markdown is under `markdown`."""
    with ThreadPoolExecutor(2) as threads:
        parts = list(threads.map(smoke, RUNS, RUNS.values(), databases.values(), folders.values()))
    for only, part in zip(RUNS, parts, strict=True):
        assert {name for name in SCENARIOS if part[name]} == set(only.split(","))
    return {name: next((part[name] for part in parts if part[name]), None) for name in parts[0]} | {
        "goals": [goal for part in parts for goal in part["goals"]],
        "markdown": "".join(part["markdown"] for part in parts),
    }


def smoke(only: str, formats: str, database: str, folder: Path) -> dict[str, Any]:
    settings = ("--scale", SCALE, "--rounds", 1, "--requests", 5, "--clients", 2, "--formats", formats)
    done = benchmarks("--database-url", database, "--only", only, "--results", folder, *settings)
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == (folder / "report.md").read_text().strip()
    found: dict[str, Any] = json.loads((folder / "report.json").read_text())
    assert found["seconds"].keys() == set(only.split(","))
    return found | {"markdown": done.stdout}


@pytest.mark.parametrize(
    ("scenario", "table", "names"), [("exports", "lineitem", LINEITEM), ("mixed", "mixed", OURS | BOTH)]
)
def test_every_contender_delivered_every_row(
    report: dict[str, Any], databases: dict[str, str], scenario: str, table: str, names: set[str]
) -> None:
    (row,) = fetch(databases[EVERYTHING], f"SELECT count(*) FROM public.{table}")
    results = {result["name"]: result for result in report[scenario]}
    assert results.keys() == names
    for name, result in results.items():
        assert result["left_out"] is None, name
        assert result["rows"] == (750 if name in BY_HAND else row["count"]) > 0
        assert len(result["runs"]) == 1
        assert result["rows_per_second"] == pytest.approx(result["rows"] / result["median"]["seconds"])


def test_figures_are_what_they_are_called(report: dict[str, Any]) -> None:
    median = {result["name"]: result["median"] for result in report["exports"]}
    # The same rows as the same CSV, counted by curl, by the kernel and by the driver.
    csv = median["bare COPY csv (asyncpg)"]["bytes"]
    assert median["ours, CSV"]["bytes"] == csv > 100 * report["database"]["tables"]["public.lineitem"]["rows"]
    if sys.platform == "linux":
        assert median[r"psql \copy csv"]["bytes"] == pytest.approx(csv, abs=100)
        assert all(figures["peak"] > 2**20 for figures in median.values())
        # A driver and pyarrow need more than psql: no program is given the memory of the one that started it.
        assert median["ADBC + pyarrow, Parquet zstd"]["peak"] > 3 * median[r"psql \copy csv"]["peak"]
    assert median["ours, Parquet zstd"]["bytes"] < csv / 2
    for name, figures in median.items():
        assert (figures["service_cpu"] is not None) == name.startswith(("ours", "FastAPI")), name
        assert figures["first_byte"] is None or 0 < figures["first_byte"] <= figures["seconds"]
    assert median["ours, NDJSON"]["service_cpu"] > 0
    assert 0 < report["first_byte"]["median"] <= report["first_byte"]["p95"]


def test_memory_of_every_size(report: dict[str, Any], folders: dict[str, Path]) -> None:
    tables = report["database"]["tables"]
    sizes = [("rows", 3000), ("rows", 18000)]
    sizes += [(name, tables[f"public.{name}"]["rows"]) for name in ("lineitem", "mixed")]
    assert [(one["extension"], one["dataset"], one["rows"]) for one in report["memory"]] == [
        ("csv", *size) for size in sizes
    ]
    assert all(one["growth"] >= 0 and one["idle"] > 2**20 for one in report["memory"])
    assert ET.parse(folders[BY_SIZE] / "sizes.svg").getroot().tag.endswith("svg")
    assert "(sizes.svg)" in report["markdown"]


def test_clients_that_stall_hold_their_exports(report: dict[str, Any]) -> None:
    (stalled,) = report["stalled"]
    assert stalled["extension"] == "csv"
    # About 25 megabytes: more than the service and the sockets hold.
    assert stalled["clients"] == stalled["holding"] == 2
    assert stalled["rate_alone"] > 0
    assert stalled["rate_beside"] > 0


def test_several_exports_at_once(report: dict[str, Any]) -> None:
    assert {(one["extension"], one["clients"]) for one in report["several"]} == {
        (extension, clients) for extension in ("csv", "parquet") for clients in (8, 32)
    }
    assert all(one["rows"] == 3000 and 0 < one["fastest"] <= one["seconds"] for one in report["several"])


def test_small_exports_by_both_services(report: dict[str, Any]) -> None:
    assert {(one["name"], one["connections"]) for one in report["small"]} == {
        (name, connections) for name in ("ours", "FastAPI + asyncpg + csv.writer") for connections in (1, 8)
    }
    for one in report["small"]:
        assert one["requests"] >= 2 * one["connections"]
        assert one["requests_per_second"] == pytest.approx(one["requests"] / one["seconds"])
        assert 0 < one["p50"] <= one["p99"]


def test_compressed_transfers_are_smaller(report: dict[str, Any]) -> None:
    sizes = {(one["extension"], one["coding"]): one["bytes"] for one in report["compression"]}
    assert len(sizes) == 6
    for extension in ("csv", "ndjson"):
        for smaller, larger in pairwise(f"{coding}" for coding in ("zstd", "gzip", "identity")):
            assert sizes[extension, smaller] < sizes[extension, larger]


def test_every_way_to_scale(report: dict[str, Any]) -> None:
    ways = [(one["workers"], one["threads"], one["one_connection"], one["exports"]) for one in report["scaling"]]
    assert sorted(ways[:4]) == [(1, threads, one, 1) for threads in (1, 2) for one in (False, True)]
    assert ways[4:] == [(1, None, False, 8), (2, None, False, 8)]
    assert all(one["extension"] == "parquet" and one["seconds"] > 0 for one in report["scaling"])


def test_every_goal_is_judged_by_its_figure(report: dict[str, Any]) -> None:
    unmeasured = [goal["what"] for goal in report["goals"] if goal["met"] is None]
    assert all("stalled" in what for what in unmeasured)
    for goal in report["goals"]:
        assert f"| {goal['what']} |" in report["markdown"]
        if goal["value"] is not None:
            met = goal["value"] >= goal["at_least"] if goal["at_least"] else goal["value"] <= goal["at_most"]
            assert goal["met"] is met
    rates = {result["name"]: result["rows_per_second"] for result in report["exports"]}
    values = {goal["what"]: goal["value"] for goal in report["goals"]}
    psql = r"psql \copy csv"
    assert values[f"ours, CSV / {psql}"] == pytest.approx(rates["ours, CSV"] / rates[psql])
    assert report["ratios"]["lineitem"]["ours, CSV"][psql] == values[f"ours, CSV / {psql}"]
    duckdb = max(("DuckDB scan, JSON", "DuckDB postgres_query, JSON"), key=lambda name: rates[name])
    assert values[f"ours, NDJSON / {duckdb}"] == pytest.approx(rates["ours, NDJSON"] / rates[duckdb])


def test_machine_and_versions_are_told(report: dict[str, Any]) -> None:
    assert report["machine"]["cores"] > 0
    assert report["machine"]["memory_bytes"] > 2**28
    for name in ("python", "psql", "curl", "asyncpg", "pyarrow", "granian", "duckdb", "connectorx", "fastapi"):
        assert f"{name} {report['versions'][name]}" in report["markdown"]
    assert "smoke run" in report["markdown"]


@pytest.mark.usefixtures("report")
def test_a_table_of_another_size_is_left_alone(databases: dict[str, str], tmp_path: Path) -> None:
    before = fetch(databases[EVERYTHING], "SELECT count(*) FROM public.lineitem")
    done = benchmarks("--database-url", databases[EVERYTHING], "--scale", 0.5, "--results", tmp_path)
    assert done.returncode == 1
    assert "lineitem has" in done.stderr
    assert "Traceback" not in done.stderr
    assert fetch(databases[EVERYTHING], "SELECT count(*) FROM public.lineitem") == before


def test_an_unknown_scenario_is_refused() -> None:
    done = benchmarks("--only", "exports,speed")
    assert done.returncode == 1
    assert "no such scenario: speed" in done.stderr


def contender(name: str, script: str, *, rows: int = 3, ours: bool = False, needs: tuple[str, ...] = ()) -> Contender:
    def command(_url: str, folder: Path, _rows: int) -> list[str]:
        return [sys.executable, "-c", script, str(folder / FILE)]

    return Contender(name, "csv", "public.t", command, lambda _: Told(rows=rows), ours=ours, needs=needs)


def exported(folder: Path, *contenders: Contender) -> dict[str, interleaved.Result]:
    database = Database("", Facts(1, {"public.t": Size(rows=3, bytes=1)}, embedded=False, settings={}), None)
    results = interleaved.run(Bench(database, folder, Options(rounds=2)), contenders)
    return {result.name: result for result in results}


def test_a_peer_that_fails_is_reported_and_the_others_go_on(tmp_path: Path) -> None:
    write = "import sys; open(sys.argv[1], 'w').write({!r})"
    results = exported(
        tmp_path,
        contender("fails", "import sys; sys.exit('no right to')"),
        contender("absent", "", needs=("a_module_that_nobody_has",)),
        contender("says so", "", rows=2),
        contender("writes nothing", write.format("head\n")),
        contender("writes less", write.format("head\none\n")),
        contender("writes all", write.format('head\none\n"two\n"\nthree\n')),
    )
    assert {name: result.left_out for name, result in results.items()} == {
        "fails": "no right to",
        "absent": "a_module_that_nobody_has is not installed",
        "says so": "says so: 2 rows instead of 3",
        "writes nothing": "writes nothing: 0 rows instead of 3",
        "writes less": "writes less: 1 rows instead of 3",
        "writes all": None,
    }
    assert [name for name, result in results.items() if result.rate] == ["writes all"]
    assert len(results["writes all"].runs) == 2


def test_a_slow_peer_runs_once(tmp_path: Path) -> None:
    results = exported(tmp_path, contender("fast", ""), once(contender("slow", "")))
    assert {name: len(result.runs) for name, result in results.items()} == {"fast": 2, "slow": 1}
    assert "slow: one round only" in shown(list(results.values()))


@pytest.mark.parametrize(("script", "rows"), [("import sys; sys.exit('broken')", 3), ("", 2)])
def test_ours_may_not_fail(tmp_path: Path, script: str, rows: int) -> None:
    with pytest.raises(Failed):
        exported(tmp_path, contender("ours", script, rows=rows, ours=True))


def test_rows_of_csv_are_not_its_lines() -> None:
    document = b'a,b\n1,"two\nlines, ""quoted""\n"\n2,"""\n"\n3,plain\n'
    assert COUNTERS["csv"](io.BytesIO(document)) == 3


def test_rows_of_csv_are_counted_across_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("benchmarks.count._CHUNK", 1)
    assert COUNTERS["csv"](io.BytesIO(b'a\n"x\n""\ny"\nz\n')) == 2


@pytest.mark.parametrize(("seconds", "met"), [(62.0, True), (64.0, False)])
def test_sixty_million_rows_are_as_fast_as_six(seconds: float, met: bool) -> None:
    exports = [
        Export("rows", "csv", size, size, took, idle=0, growth=0) for size, took in ((WHOLE, 6.0), (LONG, seconds))
    ]
    (rate,) = (goal for goal in goals.goals(Measurements(memory=exports)) if goal.what.startswith("rows a second"))
    assert rate.met is met


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("postgresql://me@/db?host=/run/pg&port=5433", "postgresql://me@%2Frun%2Fpg:5433/db"),
        ("postgresql://me:secret@/db?host=/run/pg", "postgresql://me:secret@%2Frun%2Fpg:5432/db"),
        ("postgresql://me@server:5433/db?sslmode=disable", "postgresql://me@server:5433/db?sslmode=disable"),
    ],
)
def test_a_socket_is_addressed_in_the_authority(url: str, expected: str) -> None:
    assert with_host(url) == expected
