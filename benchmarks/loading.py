"""The tables that are exported, made where they are not there yet."""

import subprocess
import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import IO, TYPE_CHECKING

from benchmarks.programs import psql
from benchmarks.progress import say

if TYPE_CHECKING:
    import asyncpg

LINEITEM, MIXED, SMALL = "public.lineitem", "public.mixed", "public.small"

_TOLERANCE = 0.01
"""The generator draws the lines of each order, so the number of rows is only about proportional to the scale."""


@dataclass(frozen=True, slots=True)
class _Table:
    name: str
    at_scale_1: int
    load: Callable[[str, float, int], None]
    """Makes it, given the database's URL, the scale and the number of rows."""
    at_least: int = 0


@dataclass(frozen=True, slots=True)
class Size:
    """How large a table is."""

    rows: int
    bytes: int


async def ensure(connection: "asyncpg.Connection[asyncpg.Record]", url: str, scale: float) -> dict[str, Size]:
    """Make the tables unless they are there, and have them vacuumed and in memory; return their sizes by name.

    Raises SystemExit when the database has such a table of another size: it is somebody's, and not replaced.
    """
    return {table.name: await _ensure(connection, url, scale, table) for table in _TABLES}


async def _ensure(connection: "asyncpg.Connection[asyncpg.Record]", url: str, scale: float, table: _Table) -> Size:
    expected = max(round(scale * table.at_scale_1), table.at_least)
    if await connection.fetchval("SELECT to_regclass($1) IS NULL", table.name):
        say(f"making {table.name} at scale {scale:g}")
        table.load(url, scale, expected)
    await connection.execute(f"VACUUM ANALYZE {table.name}")
    # The scan also brings it into memory.
    rows: int = await connection.fetchval(f"SELECT count(*) FROM {table.name}")
    if abs(rows - expected) > max(_TOLERANCE * expected, 10):
        sys.exit(
            f"{table.name} has {rows:,} rows, not the {expected:,} of scale {scale:g}; choose another database or scale"
        )
    return Size(rows, await connection.fetchval("SELECT pg_table_size($1::text::regclass)", table.name))


def _generate(url: str, scale: float, _rows: int) -> None:
    with tempfile.TemporaryDirectory() as folder:
        generator = Path(sys.executable).with_name("tpchgen-cli")
        subprocess.run(
            [generator, "csv", "--scale-factor", f"{scale}", "--tables", "lineitem", "--output-dir", folder, "--quiet"],
            check=True,
        )
        copy = f"COPY {LINEITEM} FROM STDIN (FORMAT csv, HEADER)"
        with Path(folder, "lineitem.csv").open("rb") as rows:
            # In the transaction that makes the table, COPY needs no write-ahead log under wal_level=minimal.
            _run(url, "lineitem.sql", "-c", copy, stdin=rows)


def _compute(file: str) -> Callable[[str, float, int], None]:
    return lambda url, _scale, rows: _run(url, file, "-v", f"rows={rows}")


def _run(url: str, file: str, *arguments: str, stdin: IO[bytes] | None = None) -> None:
    path = Path(__file__).with_name(file)
    subprocess.run([*psql(url), "-q", "--single-transaction", "-f", path, *arguments], check=True, stdin=stdin)


_TABLES = (
    _Table(LINEITEM, 6_001_215, _generate),
    _Table(MIXED, 500_000, _compute("mixed.sql")),
    _Table(SMALL, 100_000, _compute("small.sql"), at_least=3000),
)
