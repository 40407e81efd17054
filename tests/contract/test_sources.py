"""Whatever the type and the source: CSV is psql's, NDJSON is row_to_json's, typed formats agree with each other."""

import io
from collections.abc import AsyncIterator
from itertools import zip_longest
from typing import Any

import asyncpg
import duckdb
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from exporter.exports.database import Database
from tests.exporting import database, document, order, psql_output
from tests.integration.typetable import CASES, SCHEMA, Case, plain

pytestmark = pytest.mark.anyio

_SOURCES = ["copy", "cursor"]
_JSON_ORACLE = """COPY (SELECT replace(replace(row_to_json(r)::text, chr(10), ' '), chr(13), ' ')
FROM (SELECT * FROM {table}) r) TO STDOUT (FORMAT csv, QUOTE e'\\x01', DELIMITER e'\\x02')"""


def _columns(
    server_has_xml: bool,
) -> tuple[list[Case], list[tuple[str | None, ...]]]:
    """Every case that the server knows, and an array of it."""
    cases = [case for case in CASES if case.type != "xml" or server_has_xml]
    texts = [[None, *case.values, *case.unfit] for case in cases]
    return cases, list(zip_longest(*texts))


@pytest.fixture(scope="module")
async def tables(database_url: str) -> list[str]:
    """A table of all types and their arrays, and one table for each type; returns their names."""
    connection = await asyncpg.connect(database_url)
    await connection.execute(f"CREATE SCHEMA sources; SET search_path = sources, public; {SCHEMA}")
    has_xml = True
    try:
        await connection.execute("SELECT '<a/>'::xml")
    except asyncpg.FeatureNotSupportedError:
        has_xml = False
    cases, rows = _columns(has_xml)
    raw = ", ".join(f"t{i} text" for i in range(len(cases)))
    await connection.execute(f"CREATE TABLE raw (n integer, {raw})")
    await connection.copy_records_to_table("raw", records=[(n, *row) for n, row in enumerate(rows)])
    both = ", ".join(f't{i}::{c.type} AS "v{i}", ARRAY[t{i}::{c.type}] AS "a{i}"' for i, c in enumerate(cases))
    await connection.execute(f"CREATE TABLE everything AS SELECT {both} FROM raw ORDER BY n")
    for i in range(len(cases)):
        await connection.execute(f'CREATE TABLE one_{i} AS SELECT "v{i}" AS v FROM everything')
    await connection.close()
    return ["sources.everything", *(f"sources.one_{i}" for i in range(len(cases)))]


@pytest.fixture(scope="module")
async def exporting(database_url: str) -> AsyncIterator[Database]:
    opened = database(database_url)
    yield opened
    await opened.pool.close()


@pytest.mark.parametrize("source", _SOURCES)
async def test_csv_is_byte_for_byte_what_psql_prints(
    tables: list[str], exporting: Database, psql: str, database_url: str, source: str
) -> None:
    for table in tables:
        expected = psql_output(psql, database_url, f"\\copy (SELECT * FROM {table}) TO STDOUT (FORMAT csv, HEADER)")
        assert await document(exporting, order(f"TABLE {table}", "csv", source)) == expected, table


@pytest.mark.parametrize("source", _SOURCES)
async def test_csv_in_another_dialect_is_what_psql_prints(
    tables: list[str], exporting: Database, psql: str, database_url: str, source: str
) -> None:
    options = "(FORMAT csv, HEADER, DELIMITER ';', NULL 'NULL')"
    expected = psql_output(psql, database_url, f"\\copy (SELECT * FROM {tables[0]}) TO STDOUT {options}")
    found = await document(exporting, order(f"TABLE {tables[0]}", "csv", source, delimiter=";", null="NULL"))
    assert found == expected


@pytest.mark.parametrize("source", _SOURCES)
async def test_ndjson_is_line_for_line_what_row_to_json_gives(
    tables: list[str], exporting: Database, psql: str, database_url: str, source: str
) -> None:
    for table in tables:
        expected = psql_output(psql, database_url, _JSON_ORACLE.format(table=table))
        assert await document(exporting, order(f"TABLE {table}", "ndjson", source)) == expected, table


async def test_typed_formats_hold_the_same_values_from_both_sources(tables: list[str], exporting: Database) -> None:
    for table in tables:
        how = {"on_unrepresentable": "null"}
        read = [
            pa.ipc.open_stream(await document(exporting, order(f"TABLE {table}", "arrows", source, **how))).read_all()
            for source in _SOURCES
        ]
        for name in read[0].column_names:
            assert _values(read[0][name]) == _values(read[1][name]), (table, name)
        assert read[0].schema == read[1].schema
        assert read[0].num_rows == read[1].num_rows > 0


async def test_parquet_holds_the_values_of_arrow(tables: list[str], exporting: Database) -> None:
    how = {"on_unrepresentable": "null"}
    arrow = pa.ipc.open_stream(await document(exporting, order(f"TABLE {tables[0]}", "arrows", **how))).read_all()
    parquet = pq.read_table(io.BytesIO(await document(exporting, order(f"TABLE {tables[0]}", "parquet", **how))))
    for field in arrow.schema:
        assert _values(parquet[field.name]) == _values(arrow[field.name]), field


@pytest.mark.parametrize("extension", ["parquet", "arrows"])
async def test_pandas_polars_and_duckdb_read_every_column(
    tables: list[str], exporting: Database, extension: str
) -> None:
    """Decimals of more than 38 digits are pandas' alone; see docs/types.md."""
    body = await document(exporting, order(f"TABLE {tables[0]}", extension, limit=2, on_unrepresentable="null"))
    found = pq.read_table(io.BytesIO(body)) if extension == "parquet" else pa.ipc.open_stream(body).read_all()
    assert len(found.to_pandas()) == len(found)
    narrow = [field.name for field in found.schema if "decimal256" not in str(field.type)]
    assert duckdb.from_arrow(found.select(narrow)).to_arrow_table().num_rows == len(found)
    read = pl.read_parquet if extension == "parquet" else pl.read_ipc_stream
    assert read(io.BytesIO(body), columns=narrow).height == len(found)


def _values(column: pa.Array) -> list[Any]:
    return [value for chunk in column.chunks for value in plain(chunk)]
