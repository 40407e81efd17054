"""Failures of the database before the first byte."""

import asyncio
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from tests.acceptance.problems import problem
from tests.acceptance.service import Service, fetch, free_port, running, statements, until
from tests.postgres import execute

EXTENSIONS = ["csv", "ndjson", "parquet", "arrows"]


@pytest.mark.parametrize("extension", EXTENSIONS)
@pytest.mark.parametrize(
    ("dataset", "status", "name"),
    [
        ("denied", 403, "permission-denied"),
        ("absent", 409, "query-rejected"),
        ("early", 409, "query-rejected"),
        ("early_fetched", 409, "query-rejected"),
        ("limited", 504, "statement-timeout"),
    ],
)
def test_failure_before_the_first_byte(service: Service, dataset: str, extension: str, status: int, name: str) -> None:
    failed_early(service, f"{dataset}.{extension}", status, name)


@pytest.mark.parametrize("extension", ["parquet", "arrows"])
def test_value_that_does_not_fit_before_the_first_byte(service: Service, extension: str) -> None:
    failed_early(service, f"infinity.{extension}?bad=3", 409, "unrepresentable-value")


def failed_early(service: Service, path: str, status: int, name: str) -> None:
    document = problem(service.curl(f"/datasets/{path}"), status, name)
    assert document["instance"].startswith("urn:uuid:")
    assert service.logged(document["instance"].removeprefix("urn:uuid:"))


def test_the_log_has_the_reason(service: Service) -> None:
    instance = service.curl("/datasets/absent.csv").json()["instance"].removeprefix("urn:uuid:")
    assert 'relation "acceptance.absent" does not exist' in service.logged(f"id={instance}")


def test_description_of_a_query_that_is_refused(service: Service) -> None:
    problem(service.curl("/datasets/absent"), 409, "query-rejected")


def test_a_text_of_an_sql_ascii_database_that_is_not_utf8(server_url: str, tmp_path: Path) -> None:
    name = "acceptance_sql_ascii"
    options = "TEMPLATE template0 ENCODING 'SQL_ASCII' LC_COLLATE 'C' LC_CTYPE 'C' LOCALE_PROVIDER libc"
    asyncio.run(execute(server_url, f"DROP DATABASE IF EXISTS {name} WITH (FORCE)"))
    asyncio.run(execute(server_url, f"CREATE DATABASE {name} {options}"))
    invalid = "convert_from('\\xe4', 'SQL_ASCII')"
    (tmp_path / "early.sql").write_text(f"SELECT {invalid} AS v\n")
    late = f"SELECT CASE n WHEN 100000 THEN {invalid} ELSE md5(n::text) END AS v FROM generate_series(1, 100000) n\n"
    (tmp_path / "late.sql").write_text(late)
    try:
        with running(urlsplit(server_url)._replace(path=f"/{name}").geturl(), tmp_path) as service:
            document = problem(service.curl("/datasets/early.csv"), 409, "unrepresentable-value")
            assert document["detail"].startswith("column 'v', row 1: ")
            assert "encoding is SQL_ASCII" in document["detail"]
            assert "convert_from(" in document["detail"]
            answer = service.curl("/datasets/late.csv")
            assert (answer.exit, answer.status) == (56, 200)
            told = service.logged(f"id={answer.headers['export-id'].removeprefix('urn:uuid:')}")
            assert "column 'v', row 100000: " in told
    finally:
        asyncio.run(execute(server_url, f"DROP DATABASE {name} WITH (FORCE)"))


@contextmanager
def _asleep(service: Service, source: str) -> Iterator[None]:
    url = f"{service.url}/datasets/sleep.csv"
    with subprocess.Popen(["curl", "-s", url], stdout=subprocess.DEVNULL) as curl:
        try:
            until(lambda: statements(source, "sleep"))
            yield
        finally:
            curl.kill()
    until(lambda: not statements(source, "sleep"))


def test_busy_pool(source: str, datasets: Path) -> None:
    with running(source, datasets, settings={"pool_size": "1", "pool_timeout": "0.3"}) as service:
        with _asleep(service, source):
            for path in ("/datasets/items.csv", "/datasets/items"):
                answer = service.curl(path)
                problem(answer, 503, "too-many-exports")
                assert int(answer.headers["retry-after"]) > 0
            assert service.curl("/healthz").status == 200
            # It is the database that the orchestrator asks about: taking a busy worker away makes things worse.
            assert service.curl("/readyz").status == 200
        assert until(lambda: service.curl("/datasets/items.csv").status == 200)


def test_unreachable_database(datasets: Path) -> None:
    dsn = f"postgresql://someone:very-secret@127.0.0.1:{free_port()}/nowhere"
    with running(dsn, datasets) as service:
        for path in ("/datasets/items.csv", "/datasets/items.parquet", "/datasets/items"):
            answer = service.curl(path)
            problem(answer, 503, "database-unavailable")
            assert int(answer.headers["retry-after"]) > 0
            assert "secret" not in answer.text
        document = problem(service.curl("/readyz"), 503, "not-ready")
        assert document["checks"]["database"] == ["The database is unavailable"]
        assert "secret" not in str(document)
        for path in ("/healthz", "/", "/datasets", "/openapi.json"):
            assert service.curl(path).status == 200
        assert "very-secret" not in service.log.read_text()


def test_database_that_comes_back(source: str, datasets: Path) -> None:
    """Its connections were cut; the next export opens new ones."""
    with running(source, datasets) as service:
        assert service.curl("/datasets/items.csv").status == 200
        cut = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name LIKE 'exporter%'"
        assert fetch(source, f"{cut} AND datname = current_database()")
        assert until(lambda: service.curl("/datasets/items.csv").status == 200)
        assert service.curl("/readyz").status == 200
