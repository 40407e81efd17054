"""What an operator sees of a service with two workers: its log, its metrics, its audit log."""

import json
import re
import shutil
import stat
import subprocess
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
import yaml

from exporter.problems import ProblemType
from tests.acceptance.catalogue import DATASETS, dataset
from tests.acceptance.conftest import written
from tests.acceptance.problems import problem
from tests.acceptance.service import Service, answers, running, samples, statements, until

SENSITIVE = '[parameters.number]\ntype = "text"\nsensitive = true\n[parameters.day]\ntype = "date"\nnullable = true'
CATALOGUE = {
    **{name: DATASETS[name] for name in ("items", "late", "echo", "stream", "sleep", "typed")},
    "cards": dataset(SENSITIVE, "SELECT :number::int AS number, :day AS day"),
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("seeing")


@pytest.fixture(scope="module")
def seen(source: str, folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    datasets = written(tmp_path_factory.mktemp("datasets"), CATALOGUE)
    settings = {"log_format": "json", "audit_log": str(folder / "audit"), "pool_size": "3"}
    with running(source, datasets, "--workers", "2", settings=settings) as started:
        until(lambda: len(started.workers()) == 2)
        yield started


def lines(text: str) -> list[dict[str, Any]]:
    """All lines but one that is being written."""
    return [json.loads(line) for line in text[: text.rfind("\n") + 1].splitlines()]


def logged(service: Service, export: str) -> dict[str, Any]:
    """The line of an export, which comes after its last byte."""

    def found() -> list[dict[str, Any]]:
        return [line for line in lines(service.log.read_text()) if line.get("id") == export]

    (line,) = until(found)
    return line


def asks_for(path: str, line: dict[str, Any]) -> bool:
    return line.get("target") == path


def audited(folder: Path, has: Callable[[dict[str, Any]], bool], count: int = 1) -> list[dict[str, Any]]:
    def found() -> list[dict[str, Any]]:
        return [line for line in lines((folder / "audit").read_text()) if has(line)]

    until(lambda: len(found()) >= count)
    assert len(found()) == count
    return found()


@contextmanager
def reading(service: Service, source: str, folder: Path, clients: int) -> Iterator[None]:
    """Clients that read slowly, and leave at the end."""
    url = f"{service.url}/datasets/stream.csv?rows=9000000"
    bodies = [folder / str(number) for number in range(clients)]
    curls = [subprocess.Popen(["curl", "-s", "--limit-rate", "1M", "-o", body, url]) for body in bodies]
    try:
        until(lambda: all(body.exists() and body.stat().st_size > 100_000 for body in bodies))
        yield
    finally:
        for curl in curls:
            with curl:
                curl.kill()
    until(lambda: not statements(source, "stream"))


def test_the_line_of_an_export_tells_all_of_it(seen: Service) -> None:
    trace = "0af7651916cd43dd8448eb211c80319c"
    path = "/datasets/items.parquet?_limit=3&_row_group_size=5000"
    answer = seen.curl(path, "-H", f"traceparent: 00-{trace}-b7ad6b7169203331-01")
    line = logged(seen, answer.headers["export-id"])
    assert line["bytes"] == len(answer.body)
    assert line["options"] == {"row_group_size": 5000, "limit": 3}
    expected = {
        "level": "INFO", "principal": "anonymous", "address": "127.0.0.1", "dataset": "items", "arguments": {},
        "format": "parquet", "outcome": "succeeded", "rows": 3, "connections": 1, "trace_id": trace,
    }  # fmt: skip
    assert {name: line[name] for name in expected} == expected
    assert 0 < line["waited"] < line["first_byte"] <= line["seconds"]


def test_the_line_of_an_export_that_fails_after_the_first_byte(seen: Service) -> None:
    answer = seen.curl("/datasets/late.csv")
    assert answer.exit == 56
    line = logged(seen, answer.headers["export-id"])
    assert (line["level"], line["outcome"], line["sqlstate"]) == ("ERROR", "failed", "22012")
    assert line["bytes"] >= len(answer.body)
    assert line["reason"].startswith("QueryRejected: DivisionByZeroError in int4div")


def test_no_value_forges_a_line(seen: Service, folder: Path) -> None:
    forged = quote('\n{"id":"forged","event":"forged"}\r\x1b[2J\u2028', safe="")
    answer = seen.curl(f"/datasets/echo.csv?word={forged}", "-A", 'x"}\t{"id":"forged"}')
    assert answer.status == 200
    assert logged(seen, answer.headers["export-id"])["arguments"]["word"].startswith('\n{"id":"forged"')
    for path in (f"/datasets/{forged}.csv", f"/{forged}", f"/datasets/typed.csv?{forged}={forged}"):
        assert seen.curl(path).status in (404, 422)
    for line in lines(seen.log.read_text()) + lines((folder / "audit").read_text()):
        assert "forged" not in (line.get("id"), line.get("event"))


def test_the_console_shows_one_line_an_export_too(service: Service) -> None:
    answer = service.curl("/datasets/echo.csv?word=a%0aexport%20id=forged%0d%1b%5b2J")
    until(lambda: answer.headers["export-id"] in service.log.read_text())
    log = service.log.read_text()
    assert not [line for line in log.splitlines() if line.startswith("export id=forged")]
    assert "\x1b" not in log


def test_a_sensitive_argument_is_shown_nowhere(seen: Service, folder: Path) -> None:
    good = seen.curl("/datasets/cards.csv?number=4929123&day=2024-05-06")
    assert good.body == b"number,day\n4929123,2024-05-06\n"
    assert "2024-05-06" in good.headers["content-disposition"]
    assert "4929123" not in good.headers["content-disposition"]
    # The database quotes it in its message.
    bad = seen.curl("/datasets/cards.csv?number=4929-secret")
    problem(bad, 409, "query-rejected")
    assert logged(seen, good.headers["export-id"])["arguments"] == {"number": "***", "day": "2024-05-06"}
    line = logged(seen, bad.headers["export-id"])
    assert (line["reason"].partition(" in ")[0], line["sqlstate"]) == (
        "QueryRejected: InvalidTextRepresentationError",
        "22P02",
    )
    seen.curl("/datasets/cards.csv?number=4929123&day=tomorrow")
    seen.curl("/datasets/cards.csv?numbr=4929123")
    seen.curl("/datasets/cards?number=4929123")
    audited(folder, lambda line: line.get("target") == "/datasets/cards?number=***")
    for text in (seen.log.read_text(), (folder / "audit").read_text()):
        assert "4929" not in text


def test_a_description_that_fails_is_told_in_fields(source: str, tmp_path: Path) -> None:
    query = "SELECT i FROM gone_for_now"
    with running(source, written(tmp_path, {"gone": dataset("", query)}), settings={"log_format": "json"}) as service:
        instance = problem(service.curl("/datasets/gone"), 409, "query-rejected")["instance"]
        line = json.loads(service.logged('"description failed"'))
    assert (line["dataset"], f"urn:uuid:{line['id']}") == ("gone", instance)
    assert "gone_for_now" in line["reason"]


def test_accesses_and_refusals_are_audited(seen: Service, folder: Path) -> None:
    export = seen.curl("/datasets/items.csv?_limit=1").headers["export-id"]
    begun, ended = audited(folder, lambda line: line.get("export") == export, 2)
    assert (begun["event"], begun["principal"], begun["dataset"]) == ("export begun", "anonymous", "items")
    assert (ended["event"], ended["outcome"], ended["status"], ended["rows"]) == ("export ended", "succeeded", 200, 1)
    refused = {
        "/datasets/typed.csv?number=0": (422, "invalid-parameters"),
        "/datasets/absent.csv": (404, "unknown-dataset"),
        "/elsewhere": (404, "not-found"),
    }
    for path, (status, slug) in refused.items():
        assert seen.curl(path).status == status
        (line,) = audited(folder, partial(asks_for, path))
        assert (line["status"], line["problem"], line["event"]) == (status, slug, "request")
    seen.curl("/datasets/items.ndjson", "-I")
    audited(folder, lambda line: line.get("method") == "HEAD" and line["target"] == "/datasets/items.ndjson")
    assert seen.curl("/datasets/echo.csv", "-X", "POST").status == 405
    audited(folder, lambda line: line.get("method") == "POST" and line["status"] == 405)
    assert stat.S_IMODE((folder / "audit").stat().st_mode) == 0o600


def test_lines_of_two_workers_do_not_mix_and_follow_a_rotation(seen: Service, folder: Path) -> None:
    log, moved = folder / "audit", folder / "audit.1"
    before = len(lines(log.read_text()))
    with ThreadPoolExecutor(8) as clients:
        asked = [clients.submit(seen.curl, f"/datasets/echo.csv?word={'x' * 300}") for _ in range(20)]
        log.rename(moved)
        exports = {one.result().headers["export-id"] for one in asked}

    def complete() -> bool:
        both = lines(moved.read_text())[before:] + (lines(log.read_text()) if log.exists() else [])
        return sorted(line["export"] for line in both if line.get("export") in exports) == sorted([*exports] * 2)

    until(complete)
    log.write_bytes(moved.read_bytes() + (log.read_bytes() if log.exists() else b""))


def test_metrics_are_those_of_both_workers(seen: Service) -> None:
    before = samples(seen)
    with ThreadPoolExecutor(4) as clients:
        list(clients.map(lambda _: seen.curl("/datasets/items.ndjson"), range(12)))
    for _ in range(2):
        seen.curl("/datasets/late.ndjson")
        seen.curl("/datasets/typed.ndjson")

    def added(*key: str) -> float:
        return after.get(key, 0) - before.get(key, 0)

    after = before

    def counted() -> bool:
        nonlocal after
        after = samples(seen)
        ended = [("items", "ndjson", "succeeded"), ("late", "ndjson", "failed")]
        return [added("exporter_exports_total", *labels) for labels in ended] == [12, 2]

    until(counted)
    assert added("exporter_rows_total", "items", "ndjson") == 48
    assert added("exporter_export_seconds_count", "ndjson") == 14
    assert added("exporter_aborts_total", "QueryRejected") == 2
    assert added("exporter_problems_total", "invalid-parameters") == 2
    for _ in range(6):  # whichever worker is asked
        key = ("exporter_exports_total", "items", "ndjson", "succeeded")
        assert samples(seen)[key] == after[key]
    assert after["exporter_exports_in_flight",] == 0


def test_gauges_follow_what_runs(seen: Service, source: str, tmp_path: Path) -> None:
    until(lambda: samples(seen)["exporter_pool_size",] == 6)
    with reading(seen, source, tmp_path, 2):
        until(lambda: samples(seen)["exporter_exports_in_flight",] == 2)
        until(lambda: samples(seen)["exporter_pool_used",] == 2)
    until(lambda: samples(seen)["exporter_exports_in_flight",] == 0)
    until(lambda: samples(seen)["exporter_pool_used",] == 0)
    assert samples(seen)["exporter_aborts_total", "disconnected"] >= 2


def test_a_client_that_leaves_has_one_line(seen: Service, source: str, tmp_path: Path) -> None:
    before = len(lines(seen.log.read_text()))

    def told() -> list[str]:
        return [f"{line['logger']} {line.get('outcome')}" for line in lines(seen.log.read_text())[before:]]

    with reading(seen, source, tmp_path, 1):
        pass
    assert until(told) == ["exporter.telemetry disconnected"]


def test_labels_hold_no_argument_and_no_principal(seen: Service) -> None:
    seen.curl("/datasets/nothing-like-it.csv?word=never")
    seen.curl("/datasets/echo.csv?word=never")
    text = seen.curl("/metrics").text
    assert "never" not in text
    assert "nothing-like-it" not in text
    assert "anonymous" not in text


DEPLOY = Path(__file__).parents[2] / "deploy"


def test_the_dashboard_and_the_alerts_ask_for_metrics_that_there_are(seen: Service) -> None:
    for path in ("/datasets/items.csv", "/datasets/late.csv"):
        seen.curl(path)
    until(lambda: samples(seen).get(("exporter_aborts_total", "QueryRejected")))
    there = {name for name, *_ in samples(seen)}
    dashboard = json.loads((DEPLOY / "grafana/exporter.json").read_text())
    asked = [target["expr"] for panel in dashboard["panels"] for target in panel["targets"]]
    asked += [variable["query"] for variable in dashboard["templating"]["list"][1:]]
    (group,) = yaml.safe_load((DEPLOY / "prometheus/alerts.yml").read_text())["groups"]
    assert all({"alert", "expr", "labels", "annotations"} <= rule.keys() for rule in group["rules"])
    asked += [rule["expr"] for rule in group["rules"]]
    used = {name for expression in asked for name in re.findall(r"\bexporter_\w+", expression)}
    assert len(used) > 10
    assert used <= there
    types = {slug for expression in asked for slug in re.findall(r'\btype="([^"]+)"', expression)}
    assert types <= {problem.slug for problem in ProblemType}
    documented = (DEPLOY.parent / "docs/operations.md").read_text()
    families = {re.sub("_(bucket|count|sum|created)$", "", name) for name in there}
    assert not [name for name in families if f"`{name}`" not in documented]


@pytest.mark.skipif(not shutil.which("promtool"), reason="needs promtool")
def test_the_alerts_are_ones_that_prometheus_takes() -> None:
    subprocess.run(["promtool", "check", "rules", DEPLOY / "prometheus/alerts.yml"], check=True, capture_output=True)


def test_a_worker_that_is_killed_leaves_no_gauge_behind(seen: Service, source: str, tmp_path: Path) -> None:
    """And what it had counted stays. This is the last test, since it takes a while until there are workers again."""
    assert seen.curl("/datasets/items.arrows").status == 200
    until(lambda: samples(seen)["exporter_exports_total", "items", "arrows", "succeeded"] == 1)
    with reading(seen, source, tmp_path, 1):
        until(lambda: samples(seen)["exporter_exports_in_flight",] == 1)
        (metrics,) = {Path(worker.environ()["PROMETHEUS_MULTIPROC_DIR"]) for worker in seen.workers()}
        assert stat.S_IMODE(metrics.stat().st_mode) == 0o700
        for worker in seen.workers():
            worker.kill()
        until(lambda: answers(seen))
    until(lambda: samples(seen)["exporter_exports_in_flight",] == 0)
    assert samples(seen)["exporter_exports_total", "items", "arrows", "succeeded"] == 1
    until(lambda: samples(seen)["exporter_pool_size",] == 6)


def test_no_export_without_its_audit_log(source: str, datasets: Path, tmp_path: Path) -> None:
    folder = tmp_path / "there"
    folder.mkdir()
    with running(source, datasets, settings={"audit_log": str(folder / "audit")}) as service:
        assert service.curl("/readyz").status == 200
        folder.rename(tmp_path / "away")
        told = problem(service.curl("/readyz"), 503, "not-ready")
        assert told["checks"] == {
            "draining": "ok",
            "credentials": "ok",
            "audit log": ["it cannot be written"],
            "database": "ok",
        }
        assert str(tmp_path) not in str(told)
        assert service.curl("/datasets/items").status == 200
        problem(service.curl("/datasets/items.csv"), 503, "audit-log-unavailable")
        (tmp_path / "away").rename(folder)
        assert service.curl("/readyz").status == 200
        assert service.curl("/datasets/items.csv").status == 200
        (metrics,) = {Path(worker.environ()["PROMETHEUS_MULTIPROC_DIR"]) for worker in until(service.workers)}
        assert metrics.is_dir()
    assert not metrics.exists(), "it goes with the service"
