"""A large table that several connections read: whole, or visibly incomplete."""

import hashlib
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.acceptance.service import Service, fetch, running, statements, until
from tests.exporting import psql_output

CONNECTIONS = 3


@pytest.fixture(scope="module")
def service(source: str, datasets: Path) -> Iterator[Service]:
    with running(source, datasets, settings={"pool_size": "4", "parallel": str(CONNECTIONS)}) as started:
        yield started


@pytest.fixture
def expected(psql: str, source: str) -> bytes:
    return psql_output(psql, source, r"\copy acceptance.large TO STDOUT (FORMAT csv, HEADER)")


def test_whole_and_in_order(service: Service, expected: bytes) -> None:
    answer = service.curl("/datasets/large.csv")
    assert hashlib.sha256(answer.body).digest() == hashlib.sha256(expected).digest()


def test_whole_in_any_order(service: Service, expected: bytes) -> None:
    answer = service.curl("/datasets/large.csv?_ordered=off")
    assert answer.body.startswith(b"id,content\n")
    assert sorted(answer.body.splitlines()) == sorted(expected.splitlines())


@pytest.mark.parametrize("extension", ["csv", "ndjson", "arrows"])
@pytest.mark.parametrize("victim", range(CONNECTIONS))
def test_any_connection_that_is_lost(
    service: Service, source: str, tmp_path: Path, victim: int, extension: str
) -> None:
    body, url = tmp_path / "body", f"{service.url}/datasets/large.{extension}"
    with subprocess.Popen(["curl", "-s", "--limit-rate", "10M", "-o", body, url]) as curl:
        until(lambda: body.exists() and body.stat().st_size > 1_000_000)
        backends = sorted(until(lambda: statements(source, "large")))
        assert len(backends) == CONNECTIONS
        assert fetch(source, "SELECT pg_terminate_backend($1)", backends[victim])[0][0]
        assert curl.wait(20) == 56
    assert service.curl("/datasets/items.csv").status == 200


def test_a_client_that_leaves(service: Service, source: str, tmp_path: Path) -> None:
    body, url = tmp_path / "body", f"{service.url}/datasets/large.csv"
    with subprocess.Popen(["curl", "-s", "--limit-rate", "10M", "-o", body, url]) as curl:
        until(lambda: body.exists() and body.stat().st_size > 1_000_000)
        assert len(statements(source, "large")) == CONNECTIONS
        curl.kill()
    until(lambda: not statements(source, "large"))
    assert service.curl("/datasets/items.csv").status == 200
