"""Sample datasets, and the database that they read."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import asyncpg

from queries.embedded import embedded

DATASETS = Path(__file__).parent
"""The folder of the sample datasets."""

_SQL = DATASETS / "data" / "shop.sql"


@contextmanager
def database() -> Iterator[str]:
    """Run an embedded PostgreSQL with the sample data and yield its DSN; takes a few seconds."""
    with embedded() as dsn:
        asyncio.run(_load(dsn))
        yield dsn


async def _load(dsn: str) -> None:
    connection = await asyncpg.connect(dsn)
    try:
        await connection.execute(_SQL.read_text())
    finally:
        await connection.close()
