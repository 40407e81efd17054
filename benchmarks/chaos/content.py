"""The datasets of the soak, and what a whole export of each holds."""

import asyncio
import io
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import asyncpg
import pyarrow as pa
import pyarrow.ipc
import pyarrow.parquet

TABLES = """
DROP SCHEMA IF EXISTS soak CASCADE;
CREATE SCHEMA soak;
CREATE TABLE soak.small AS SELECT i::int4 AS id, md5(i::text) AS content FROM generate_series(1, 500) i;
CREATE TABLE soak.medium AS
    SELECT i::int4 AS id, repeat(md5(i::text), 6) AS content FROM generate_series(1, {medium}) i;
-- At full scale large enough to be read by several connections.
CREATE TABLE soak.large AS
    SELECT i::int4 AS id, repeat(md5(i::text), 10) AS content FROM generate_series(1, {large}) i;
CREATE FUNCTION soak.said(i int) RETURNS int LANGUAGE plpgsql AS $$BEGIN
    IF i % 7 = 0 THEN RAISE INFO 'row %', i; END IF;
    RETURN i;
END$$;
CREATE VIEW soak.talking AS SELECT soak.said(id) AS id, content FROM soak.medium;
CREATE TYPE soak.bytes;
CREATE FUNCTION soak.bytes_in(cstring) RETURNS soak.bytes LANGUAGE internal IMMUTABLE STRICT AS 'byteain';
CREATE FUNCTION soak.bytes_out(soak.bytes) RETURNS cstring LANGUAGE internal IMMUTABLE STRICT AS 'byteaout';
CREATE TYPE soak.bytes (INPUT = soak.bytes_in, OUTPUT = soak.bytes_out, LIKE = bytea);
CREATE CAST (soak.bytes AS text) WITHOUT FUNCTION;
"""
NAMES = ("small", "medium", "large", "talking")
_SAME = {"talking": "medium"}
"""A dataset with the same rows and no messages between them: the plain driver used here would lose some."""
_FAILING = "SELECT i, repeat('.', 900) AS dots, {} FROM (SELECT generate_series(1, 9000) AS i) s"
FAILING = {
    "broken": _FAILING.format("1 / (3000 - i) AS a"),
    "invalid": _FAILING.format(r"CASE i WHEN 3000 THEN '\xff'::soak.bytes::text END AS a"),
    "changing": _FAILING.format(
        "CASE i WHEN 3000 THEN set_config('TimeZone', 'Asia/Tokyo', true) END AS a, timestamptz '2024-01-31Z' AS at"
    ),
}
"""Queries that fail after their first rows were sent: by themselves, by text that is not UTF-8, by what they set."""


@dataclass(frozen=True, slots=True)
class Expected:
    """Each table as CSV and as NDJSON; the other formats are compared with what the CSV says."""

    csv: dict[str, bytes]
    ndjson: dict[str, bytes]
    tables: dict[str, pa.Table]

    def holds(self, dataset: str, extension: str, body: bytes) -> bool:
        """Return whether a body is the dataset's whole content."""
        return _HOLDS[extension](self, dataset, body)


def _same_table(expected: pa.Table, read: Callable[[io.BytesIO], pa.Table], body: bytes) -> bool:
    try:
        return bool(read(io.BytesIO(body)).cast(expected.schema).equals(expected))
    except pa.ArrowException:
        return False


def _arrows(body: io.BytesIO) -> pa.Table:
    return pa.ipc.open_stream(body).read_all()


_HOLDS: dict[str, Callable[[Expected, str, bytes], bool]] = {
    "csv": lambda expected, dataset, body: body == expected.csv[dataset],
    "ndjson": lambda expected, dataset, body: body == expected.ndjson[dataset],
    "parquet": lambda expected, dataset, body: _same_table(expected.tables[dataset], pa.parquet.read_table, body),
    "arrows": lambda expected, dataset, body: _same_table(expected.tables[dataset], _arrows, body),
}
EXTENSIONS = tuple(_HOLDS)


def prepare(database_url: str, folder: Path, scale: float) -> Expected:
    """Make the tables, write the datasets into the folder, and ask the server itself what they hold."""
    for name in NAMES:
        (folder / f"{name}.sql").write_text(f'/*\ntable = "soak.{name}"\n*/\n')
    for name, sql in FAILING.items():
        (folder / f"{name}.sql").write_text(sql)
    tables = TABLES.format(medium=int(30_000 * scale), large=int(200_000 * scale))
    return asyncio.run(_expected(database_url, tables))


async def _expected(database_url: str, statements: str) -> Expected:
    connection = await asyncpg.connect(database_url)
    try:
        await connection.execute(statements)
        csv, ndjson, tables = {}, {}, {}
        for name in NAMES:
            silent = f"soak.{_SAME.get(name, name)}"
            csv[name] = await _copied(connection, f"SELECT * FROM {silent}")
            ndjson[name] = await _lines(connection, f"SELECT row_to_json(t) FROM {silent} t")
            tables[name] = await _table(connection, silent)
        return Expected(csv, ndjson, tables)
    finally:
        await connection.close()


async def _copied(connection: asyncpg.Connection, sql: str) -> bytes:
    rows = io.BytesIO()
    await connection.copy_from_query(sql, output=rows, format="csv", header=True)
    return rows.getvalue()


async def _lines(connection: asyncpg.Connection, sql: str) -> bytes:
    """Return texts as they are, a line each: no quote or delimiter of theirs is one of CSV."""
    rows = io.BytesIO()
    await connection.copy_from_query(sql, output=rows, format="csv", quote="\x01", delimiter="\x02")
    return rows.getvalue()


async def _table(connection: asyncpg.Connection, table: str) -> pa.Table:
    rows = await connection.fetch(f"SELECT id, content FROM {table}")
    columns = {"id": pa.array([row["id"] for row in rows], pa.int32()), "content": [row["content"] for row in rows]}
    return pa.table(columns)
