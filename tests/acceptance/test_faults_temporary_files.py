"""PostgreSQL has no room left for a query's temporary files."""

import asyncio
from collections.abc import Iterator

import pytest

from tests.acceptance.catalogue import dataset
from tests.acceptance.conftest import written
from tests.acceptance.cut import cut_off, versions
from tests.acceptance.problems import problem
from tests.acceptance.service import Service, fetch, running, until
from tests.postgres import execute, fresh_database

_SERIES = "(SELECT generate_series(1, 200000) AS i) s"
_TEXT = "repeat(md5(i::text), 4) AS content"
SPILLING = {
    "sorted": dataset("", f"SELECT i, {_TEXT} FROM {_SERIES} ORDER BY content"),
    # The rows come as they are made, and the sort begins behind them.
    "late": dataset("", f"SELECT i, {_TEXT} FROM {_SERIES}\nUNION ALL\n(SELECT i, {_TEXT} FROM {_SERIES} ORDER BY 2)"),
    "small": dataset("", "SELECT 1 AS a"),
}


@pytest.fixture(scope="module")
def limited(server_url: str) -> Iterator[str]:
    """A database whose queries may write one megabyte of temporary files."""
    with fresh_database(server_url) as url:
        name = fetch(url, "SELECT current_database()")[0][0]
        asyncio.run(execute(url, f"ALTER DATABASE {name} SET temp_file_limit = '1MB'"))
        yield url


@pytest.fixture(scope="module")
def service(limited: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    with running(limited, written(tmp_path_factory.mktemp("spilling"), SPILLING)) as started:
        yield started


def left(url: str) -> int:
    """Return the bytes of temporary files that there are now."""
    size: int = fetch(url, "SELECT coalesce(sum(size), 0)::int8 FROM pg_ls_tmpdir()")[0][0]
    return size


@pytest.mark.parametrize("extension", ["csv", "ndjson", "parquet", "arrows"])
def test_before_the_first_byte(service: Service, limited: str, extension: str) -> None:
    answer = service.curl(f"/datasets/sorted.{extension}")
    problem(answer, 503, "database-unavailable")
    assert "temp" not in answer.text
    until(lambda: "temp_file_limit" in service.log.read_text())
    assert service.curl("/datasets/small.csv").status == 200


@versions
@pytest.mark.parametrize("extension", ["csv", "ndjson", "arrows"])
def test_after_the_first_byte(service: Service, limited: str, extension: str, version: str) -> None:
    cut_off(service.curl(f"/datasets/late.{extension}", version), version)
    until(lambda: left(limited) == 0)
    assert service.curl("/datasets/small.csv").status == 200
