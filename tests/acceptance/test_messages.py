"""What the server says in the middle of an export costs no row, and rows that are lost do not go unseen."""

import asyncio
import threading
from collections.abc import Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.acceptance.conftest import written
from tests.acceptance.service import PATIENCE, running
from tests.postgres import execute
from tests.proxy import TellingProxy

FUNCTIONS = """
CREATE OR REPLACE FUNCTION said(i int) RETURNS int LANGUAGE plpgsql AS $$BEGIN RAISE INFO 'row %', i; RETURN i; END$$;
"""
DATASETS = {
    "said": "/*\n*/\nSELECT said(i) AS i FROM generate_series(1, 500) i",
    "many": "/*\n*/\nSELECT i, repeat('.', 100) AS dots FROM generate_series(1, 20000) i",
}
EXTENSIONS = ["csv", "csv?_compression=gzip", "ndjson", "arrows", "parquet"]


@contextmanager
def proxied(dsn: str) -> Iterator[str]:
    """Run a proxy in a thread, and yield the DSN that leads through it."""
    opened: Future[str] = Future()
    over = threading.Event()

    async def run() -> None:
        async with TellingProxy(dsn) as proxy:
            opened.set_result(proxy.dsn)
            await asyncio.to_thread(over.wait)

    thread = threading.Thread(target=asyncio.run, args=(run(),))
    thread.start()
    try:
        yield opened.result(PATIENCE)
    finally:
        over.set()
        thread.join()


@pytest.fixture(scope="module")
def datasets(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return written(tmp_path_factory.mktemp("datasets"), DATASETS)


@pytest.fixture(scope="module")
def functions(database_url: str) -> None:
    asyncio.run(execute(database_url, FUNCTIONS))


@pytest.mark.usefixtures("functions")
def test_a_function_that_says_something_for_each_row(database_url: str, datasets: Path) -> None:
    with running(database_url, datasets) as service:
        answer = service.curl("/datasets/said.csv")
        assert (answer.exit, answer.body) == (0, b"i\n" + b"".join(b"%d\n" % i for i in range(1, 501)))
        answer = service.curl("/datasets/said.ndjson")
        assert (answer.exit, answer.body.count(b"\n")) == (0, 500)


def test_rows_that_are_lost_are_seen_by_the_client_and_told_in_the_log(database_url: str, datasets: Path) -> None:
    with proxied(database_url) as dsn, running(dsn, datasets) as service:
        for extension in EXTENSIONS:
            answer = service.curl(f"/datasets/many.{extension}")
            assert answer.exit != 0 or answer.status == 500, extension
            assert "RowsLost" in service.logged(f"id={answer.headers['export-id']}")
