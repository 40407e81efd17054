"""Where the tests get a PostgreSQL from."""

import asyncio
import gc
import os
import secrets
import shutil
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import TYPE_CHECKING
from urllib.parse import urlsplit
from warnings import catch_warnings

import asyncpg

from queries.embedded import embedded, programs

if TYPE_CHECKING:
    from testcontainers.community.postgres import PostgresContainer


@contextmanager
def server() -> Iterator[str]:
    """Yield the DSN of a server whose role may create databases.

    The one that EXPORTER_TEST_DATABASE_URL names, else one in Docker where Docker answers, else the embedded one.
    """
    if given := os.environ.get("EXPORTER_TEST_DATABASE_URL"):
        yield given
        return
    with _container() or embedded() as dsn:
        yield dsn


def _container() -> AbstractContextManager[str] | None:
    """Start a container; `None` where Docker does not answer or cannot get the image."""
    from docker.errors import DockerException  # type: ignore[import-untyped]  # it has no annotations
    from testcontainers.community.postgres import PostgresContainer

    container = None
    with catch_warnings(action="ignore", category=ResourceWarning):
        try:
            container = PostgresContainer("postgres:18-alpine", driver=None)
            return _stopping(container.start())
        except DockerException:
            if container:
                container.stop()
        gc.collect()  # docker leaves its socket open when nobody answers
    return None


@contextmanager
def _stopping(container: "PostgresContainer") -> Iterator[str]:
    try:
        yield container.get_connection_url()
    finally:
        container.stop()


@contextmanager
def fresh_database(server: str) -> Iterator[str]:
    """Yield the DSN of a new, empty database on the server; it is dropped afterwards, whoever is still connected."""
    name = f"exporter_test_{os.getpid()}_{secrets.token_hex(4)}"
    asyncio.run(execute(server, f"CREATE DATABASE {name} TEMPLATE template0 ENCODING 'UTF8'"))
    try:
        yield urlsplit(server)._replace(path=f"/{name}").geturl()
    finally:
        asyncio.run(execute(server, f"DROP DATABASE {name} WITH (FORCE)"))


async def execute(dsn: str, statements: str) -> None:
    """Run statements without parameters, separated by semicolons, over a connection of their own."""
    connection = await asyncpg.connect(dsn)
    try:
        await connection.execute(statements)
    finally:
        await connection.close()


def find_psql() -> str | None:
    """Return the path of a psql: the system's, or the one that comes with the embedded PostgreSQL."""
    try:
        return shutil.which("psql") or shutil.which("psql", path=programs())
    except ModuleNotFoundError:
        return None
