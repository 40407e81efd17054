"""Fixtures for every suite."""

import asyncio
import os
import sys
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import cast

import asyncpg
import pytest
from hypothesis import settings

import queries
from queries.connection import Connection
from tests.postgres import execute, find_psql, fresh_database, server

# What a service imports is compiled once, not by each of the hundred that are started: half of a start is compiling.
sys.dont_write_bytecode = False
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)

# The same examples on every machine, however slow: what fails in one place fails in all. `make test-fast` takes fewer.
settings.register_profile("steady", deadline=None, derandomize=True)
settings.register_profile("fast", settings.get_profile("steady"), max_examples=10)
settings.load_profile("steady")

DEMO = Path(queries.__file__).with_name("demo")


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark the tests that need a PostgreSQL, so that `-m 'not server'` leaves them out."""
    for item in items:
        if "server_url" in getattr(item, "fixturenames", ()):
            item.add_marker("server")


@pytest.fixture(scope="session")
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture(scope="session")
def server_url() -> Iterator[str]:
    """The DSN of the server that all databases of this run are made on; it may be shared with other runs."""
    with server() as url:
        yield url


@pytest.fixture(scope="session")
def database_url(server_url: str) -> Iterator[str]:
    """The DSN of a database of this run's own, empty at first."""
    with fresh_database(server_url) as url:
        yield url


@pytest.fixture(scope="session")
def demo_url(server_url: str) -> Iterator[str]:
    """The DSN of a database with the demo's tables; loading them takes some seconds."""
    with fresh_database(server_url) as url:
        asyncio.run(execute(url, (DEMO / "data" / "shop.sql").read_text()))
        yield url


@pytest.fixture
async def connection(database_url: str) -> AsyncIterator[Connection]:
    """A connection in autocommit, for tests marked `anyio`."""
    connection = await asyncpg.connect(database_url)
    try:
        yield cast("Connection", connection)  # a pool's proxy has the same methods
    finally:
        await connection.close()


@pytest.fixture(scope="session")
def psql() -> str:
    """The path of psql, the oracle of CSV; without one the test is skipped."""
    return find_psql() or pytest.skip("needs psql")
