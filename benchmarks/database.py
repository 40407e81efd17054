"""The PostgreSQL that all contenders read from."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass

import asyncpg
import psutil

from benchmarks import loading
from benchmarks.progress import say
from queries.embedded import embedded

_SETTINGS = {
    "shared_buffers": "1GB",
    "max_wal_size": "8GB",
    "maintenance_work_mem": "256MB",
    "max_connections": "200",
}
_REPORTED = (
    *("server_version", "shared_buffers", "max_connections", "max_parallel_workers_per_gather", "jit"),
    "data_checksums",
)


@dataclass(frozen=True, slots=True)
class Facts:
    """What the report says of the database."""

    scale: float
    tables: dict[str, loading.Size]
    embedded: bool
    settings: dict[str, str]


@dataclass(frozen=True, slots=True)
class Database:
    """A database with the tables."""

    url: str
    facts: Facts
    postmaster: psutil.Process | None
    """The server's first process, all others being its children; `None` when it is not on this machine."""


@contextmanager
def prepared(url: str | None, scale: float) -> Iterator[Database]:
    """Yield a database with the tables: the given one, or an embedded one that is removed afterwards."""
    if url is None:
        say("starting an embedded PostgreSQL")
    with embedded(settings=_SETTINGS) if url is None else nullcontext(url) as found:
        yield asyncio.run(_database(found, scale, embedded=url is None))


async def _database(url: str, scale: float, *, embedded: bool) -> Database:
    connection = await asyncpg.connect(url)
    try:
        tables = await loading.ensure(connection, url, scale)
        settings = {name: await connection.fetchval("SELECT current_setting($1)", name) for name in _REPORTED}
        return Database(url, Facts(scale, tables, embedded, settings), _parent(connection.get_server_pid()))
    finally:
        await connection.close()


def _parent(backend: int) -> psutil.Process | None:
    """Return a backend's parent; in a container or on another machine its number means nothing here."""
    try:
        parent = psutil.Process(backend).parent()
    except psutil.Error:
        return None
    return parent if parent is not None and "postgres" in parent.name() else None
