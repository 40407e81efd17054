"""TPC-H's largest table, made where it is not there yet."""

import subprocess
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks.programs import psql
from benchmarks.progress import say

if TYPE_CHECKING:
    import asyncpg

TABLE = "public.lineitem"

_ROWS_AT_SCALE_1 = 6_001_215
_TOLERANCE = 0.01
"""The generator draws the lines of each order, so the number of rows is only about proportional to the scale."""


async def ensure(connection: "asyncpg.Connection[asyncpg.Record]", url: str, scale: float) -> int:
    """Make the table unless it is there, and have it vacuumed and in memory; return the number of its rows.

    Raises SystemExit when the database has such a table of another size: it is somebody's, and not replaced.
    """
    if await connection.fetchval("SELECT to_regclass($1) IS NULL", TABLE):
        _load(url, scale)
    say("vacuum, and one scan to warm the caches")
    await connection.execute(f"VACUUM ANALYZE {TABLE}")
    rows: int = await connection.fetchval(f"SELECT count(*) FROM {TABLE}")
    expected = round(scale * _ROWS_AT_SCALE_1)
    if abs(rows - expected) > max(_TOLERANCE * expected, 10):
        sys.exit(
            f"{TABLE} has {rows:,} rows, not the {expected:,} of scale {scale:g}; choose another database or scale"
        )
    return rows


def _load(url: str, scale: float) -> None:
    say(f"generating lineitem at scale {scale:g}")
    with tempfile.TemporaryDirectory() as folder:
        generator = Path(sys.executable).with_name("tpchgen-cli")
        subprocess.run(
            [generator, "csv", "--scale-factor", f"{scale}", "--tables", "lineitem", "--output-dir", folder, "--quiet"],
            check=True,
        )
        say("loading it")
        schema = Path(__file__).with_name("lineitem.sql")
        copy = f"COPY {TABLE} FROM STDIN (FORMAT csv, HEADER)"
        with Path(folder, "lineitem.csv").open("rb") as rows:
            # In the transaction that makes the table, COPY needs no write-ahead log under wal_level=minimal.
            subprocess.run([*psql(url), "-q", "--single-transaction", "-f", schema, "-c", copy], check=True, stdin=rows)
