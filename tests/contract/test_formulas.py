"""Escaped formulas: no cell of free text begins like one, nothing else changes, and both sources agree."""

import csv
import io
from collections.abc import AsyncIterator
from typing import Any
from urllib.parse import urlsplit

import pytest

from exporter.exports import scan
from exporter.exports.database import Database
from formats.csv import FORMULA_STARTS
from queries import walk
from tests.exporting import database, document, order
from tests.postgres import execute

pytestmark = pytest.mark.anyio

sources = pytest.mark.parametrize("source", ["copy", "cursor"])

TEXTS = [
    *(f"{spaces}{start}{rest}" for start in FORMULA_STARTS for rest in ("", "1+1", '"a", b') for spaces in ("", "  ")),
    *("plain", "a=b", "'=already", '"=quoted"', "\u00a0=nbsp", "\\.", "", " ", "é=", "a\n=b", "NULL"),
]

TYPES = """
DROP SCHEMA IF EXISTS formulas CASCADE;
CREATE SCHEMA formulas;
CREATE TYPE formulas.mood AS ENUM ('=sad', 'ok', '-');
CREATE DOMAIN formulas.code AS varchar(20);
CREATE DOMAIN formulas.points AS int;
CREATE TYPE formulas.pair AS (a text, b int);
"""

CHANGED = {
    "'=x'::text": "'=x",
    "'-x'::varchar(5)": "'-x",
    "'@x'::char(5)": "'@x   ",
    "'+'::\"char\"": "'+",
    "'=n'::name": "'=n",
    "'=sad'::formulas.mood": "'=sad",
    "'-'::formulas.mood": "'-",
    "'=x'::formulas.code": "'=x",
    "makeaclitem(0, 10, 'SELECT', false)": "'=r/",
    "'-1'::jsonpath": "'-1",
}
"""Columns of free text, and what theirs then begins with."""

UNCHANGED = {
    "-7.25::numeric(10,2)": "-7.25",
    "-7": "-7",
    "-1e300::float8": "-1e+300",
    "'-infinity'::float4": "-Infinity",
    "(-7)::formulas.points": "-7",
    "'-infinity'::date": "-infinity",
    "'-infinity'::timestamptz": "-infinity",
    "true": "t",
    "'-7.25'::float8::numeric::money": "-$7.25",
    "'[-7]'::jsonb": "[-7]",
    "'-7'::json": "-7",
    "ARRAY['=x']": "{=x}",
    "ROW('=x', -1)::formulas.pair": "(=x,-1)",
    "'[-5,-1)'::int4range": "[-5,-1)",
    "'-1 day'::interval": "P-1D",
    "'\\x3d'::bytea": "\\x3d",
    "'fe80::1'::inet": "fe80::1",
    "NULL::text": "",
}
"""Columns that the server alone writes, or that begin with something else."""


@pytest.fixture(scope="module")
async def exporting(database_url: str) -> AsyncIterator[Database]:
    await execute(database_url, TYPES)
    opened = database(database_url)
    yield opened
    await opened.pool.close()


def cells(body: bytes, delimiter: str = ",") -> list[list[str]]:
    return list(csv.reader(io.StringIO(body.decode(), newline=""), delimiter=delimiter))


async def exported(exporting: Database, sql: str, source: str, **how: Any) -> list[list[str]]:
    return cells(await document(exporting, order(sql, "csv", source, **how)))


def literal(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


@sources
async def test_a_text_that_a_spreadsheet_would_run_begins_with_an_apostrophe(exporting: Database, source: str) -> None:
    sql = "SELECT v, n FROM unnest(ARRAY[" + ", ".join(map(literal, TEXTS)) + "]) WITH ORDINALITY u(v, n) ORDER BY n"
    expected = ["'" + text if text.lstrip(" ").startswith(tuple(FORMULA_STARTS)) else text for text in TEXTS]
    for delimiter in ",;\t":
        body = await document(exporting, order(sql, "csv", source, escape_formulas=True, delimiter=delimiter))
        assert [row[0] for row in cells(body, delimiter)] == ["v", *expected]


@sources
async def test_free_text_of_every_type_is_escaped(exporting: Database, source: str) -> None:
    for sql, text in CHANGED.items():
        (_, (value,)) = await exported(exporting, f"SELECT {sql} AS v", source, escape_formulas=True)
        assert value.startswith(text), sql


@sources
async def test_what_only_the_server_writes_stays_as_it_is(exporting: Database, source: str) -> None:
    for sql, text in UNCHANGED.items():
        (_, row) = await exported(exporting, f"SELECT {sql} AS v, 1 AS n", source, escape_formulas=True)
        assert row == [text, "1"], sql


@sources
async def test_null_and_the_empty_text_stay_apart(exporting: Database, source: str) -> None:
    body = await document(exporting, order("SELECT NULL::text AS a, '' AS b, '=' AS c", "csv", source, profile="excel"))
    assert body == b'\xef\xbb\xbfa,b,c\n,"",\'=\n'


@sources
async def test_names_are_escaped_like_texts(exporting: Database, source: str) -> None:
    rows = await exported(exporting, 'SELECT 1 AS "=x", 2 AS "a=x"', source, escape_formulas=True)
    assert rows == [["'=x", "a=x"], ["1", "2"]]


async def test_every_part_of_a_parallel_scan_is_escaped(
    exporting: Database, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(scan, "_BYTES_EACH", 1)
    monkeypatch.setattr(walk, "BLOCK_BYTES", 30_000)
    await execute(database_url, "CREATE TABLE formulas.many AS SELECT '=' || i AS v FROM generate_series(1, 20000) i")
    ordered = order("SELECT * FROM formulas.many", "csv", table="formulas.many", escape_formulas=True)
    assert cells(await document(exporting, ordered)) == [["v"], *([f"'={i}"] for i in range(1, 20_001))]


@pytest.mark.parametrize("encoding", ["LATIN1", "EUC_JP", "SQL_ASCII"])
async def test_a_database_in_another_encoding_is_escaped_too(server_url: str, encoding: str) -> None:
    name = f"formulas_{encoding.lower()}"
    await execute(server_url, f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")
    options = f"TEMPLATE template0 ENCODING '{encoding}' LC_COLLATE 'C' LC_CTYPE 'C' LOCALE_PROVIDER libc"
    await execute(server_url, f"CREATE DATABASE {name} {options}")
    opened = database(urlsplit(server_url)._replace(path=f"/{name}").geturl())
    try:
        texts = ["=1", "\uff1d1", "a"] if encoding == "EUC_JP" else ["=1", "a"]
        values = ", ".join(f"({literal(text)})" for text in texts)
        rows = await exported(opened, f"SELECT * FROM (VALUES {values}) r(v)", "copy", escape_formulas=True)
        assert rows[1:] == [["a"] if text == "a" else ["'" + text] for text in texts]
    finally:
        await opened.pool.close()
        await execute(server_url, f"DROP DATABASE {name} WITH (FORCE)")
