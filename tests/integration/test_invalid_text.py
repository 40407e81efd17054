"""Text of a UTF8 database that is not UTF-8 is refused by column and row, or NULL where the dataset says so."""

import csv
import io
from collections.abc import AsyncIterator, Iterator
from typing import Any

import orjson
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from exporter.exports import scan
from exporter.exports.database import Database
from queries import walk
from queries.errors import InvalidText, QueryRejected
from queries.header import ColumnOverride
from tests.exporting import FORMATS, document, opened, order
from tests.postgres import execute, fresh_database

pytestmark = pytest.mark.anyio

SCHEMA = r"""
CREATE CAST (bytea AS text) WITHOUT FUNCTION;
CREATE TABLE kept AS SELECT i, repeat('ä,"', i % 40) || E'\n' AS good,
    CASE WHEN i = 5000 THEN '\x61ff'::bytea::text ELSE 'b' END AS bad FROM generate_series(1, 6000) i;
CREATE FUNCTION said(i int) RETURNS int LANGUAGE plpgsql AS $$BEGIN RAISE INFO 'row %', i; RETURN i; END$$;
CREATE FUNCTION cried(v text) RETURNS int LANGUAGE plpgsql AS $$BEGIN RAISE INFO '%', v; RETURN 1; END$$;
"""

BAD = r"'\x61c328'::bytea::text"


@pytest.fixture(scope="module")
def invalid_url(server_url: str) -> Iterator[str]:
    with fresh_database(server_url) as dsn:
        yield dsn


@pytest.fixture(scope="module", autouse=True)
async def tables(invalid_url: str) -> None:
    await execute(invalid_url, SCHEMA)


@pytest.fixture
async def exporting(invalid_url: str) -> AsyncIterator[Database]:
    async with opened(invalid_url, size=3) as database:
        yield database


def rows_of(extension: str, body: bytes) -> list[Any]:
    if extension == "csv":
        return [{**row, "i": int(row["i"])} for row in csv.DictReader(io.StringIO(body.decode(), newline=""))]
    if extension == "ndjson":
        return [orjson.loads(line) for line in body.splitlines()]
    table = pq.read_table(io.BytesIO(body)) if extension == "parquet" else pa.ipc.open_stream(body).read_all()
    rows: list[Any] = table.to_pylist()
    return rows


async def refusal(exporting: Database, *args: str, **how: Any) -> tuple[str, int | None]:
    with pytest.raises(InvalidText) as error:
        await document(exporting, order(*args, **how))
    return error.value.column, error.value.row


@pytest.mark.parametrize("source", ["copy", "cursor"])
@pytest.mark.parametrize("extension", FORMATS)
@pytest.mark.parametrize("row", [0, 4321])
async def test_it_is_refused_by_column_and_row(exporting: Database, extension: str, source: str, row: int) -> None:
    sql = (
        f"SELECT i, E'ä\"\\n' AS good, CASE i WHEN {row} THEN {BAD} ELSE '' END AS bad FROM generate_series(0, 9999) i"
    )
    assert await refusal(exporting, sql, extension, source) == ("bad", row)


@pytest.mark.parametrize("width", [1, 300, 20_000, 300_000])
async def test_its_row_is_found_whatever_the_rows_are_like(exporting: Database, width: int) -> None:
    """Rows that pass through are not counted one by one: what has come over the wire tells their number."""
    last = 3_000_000 // width if width > 1 else 200_000
    sql = f"SELECT CASE i WHEN {{}} THEN {BAD} ELSE repeat('x', {width}) END AS v FROM generate_series(0, {last}) i"
    for row in (0, 1, last // 3, last - 1, last):
        assert await refusal(exporting, sql.format(row), "csv") == ("v", row)


async def test_its_row_is_found_among_those_of_any_width(exporting: Database) -> None:
    other = "repeat('x', (i * 7919) % 70001)"
    sql = f"SELECT CASE i WHEN {{}} THEN {BAD} ELSE {other} END AS v FROM generate_series(0, 300) i"
    for row in range(0, 300, 23):
        assert await refusal(exporting, sql.format(row), "csv") == ("v", row)


async def test_it_is_refused_in_a_compressed_body_too(exporting: Database) -> None:
    sql = f"SELECT {BAD} AS bad"
    assert await refusal(exporting, sql, "csv", coding="gzip") == ("bad", 0)


@pytest.mark.parametrize("source", ["copy", "cursor"])
@pytest.mark.parametrize("extension", FORMATS)
async def test_it_is_null_where_the_dataset_says_so(exporting: Database, extension: str, source: str) -> None:
    sql = f"""SELECT i, CASE i % 3 WHEN 0 THEN {BAD} WHEN 1 THEN 'ä,"' END AS v, ARRAY['a', {BAD}] AS list, 'z' AS last
              FROM generate_series(1, 3000) i"""
    rows = rows_of(extension, await document(exporting, order(sql, extension, source, on_unrepresentable="null")))
    null = "" if extension == "csv" else None
    expected = [{"i": i, "v": 'ä,"' if i % 3 == 1 else null, "list": null, "last": "z"} for i in range(1, 3001)]
    assert rows == expected


async def test_null_is_written_as_the_options_say(exporting: Database) -> None:
    sql = f"SELECT 1 AS a, {BAD} AS b, 'c;' AS c"
    written = order(sql, "csv", on_unrepresentable="null", delimiter=";", null="N/A", header=False)
    assert await document(exporting, written) == b'1;N/A;"c;"\n'


async def test_each_column_has_its_own_policy(exporting: Database) -> None:
    mixed = order(f"SELECT {BAD} AS a, {BAD} AS b", "csv", columns={"a": ColumnOverride(on_unrepresentable="null")})
    with pytest.raises(InvalidText, match="column 'b', row 1"):
        await document(exporting, mixed)


@pytest.mark.parametrize("extension", FORMATS)
async def test_a_table_that_several_connections_read(
    exporting: Database, monkeypatch: pytest.MonkeyPatch, extension: str
) -> None:
    monkeypatch.setattr(scan, "_BYTES_EACH", 1)
    monkeypatch.setattr(walk, "BLOCK_BYTES", 30_000)
    for how in ({"split_by": "i"}, {"table": "kept"}):
        assert await refusal(exporting, "SELECT * FROM kept", extension, **how) == ("bad", 4999)
        assert await refusal(exporting, "SELECT * FROM kept", extension, ordered=False, **how) == ("bad", None)
        cleared = order("SELECT * FROM kept", extension, on_unrepresentable="null", **how)
        assert await document(exporting, cleared)


@pytest.mark.parametrize("source", ["copy", "cursor"])
@pytest.mark.parametrize("bad", [r"\xff3d", r"\x20203dff", r"\x2020c3", r"\x3d61ff", r"\xefbcff"])
async def test_where_formulas_are_escaped_too(exporting: Database, source: str, bad: str) -> None:
    sql = f"SELECT 1 AS i, '{bad}'::bytea::text AS bad, '=1' AS good"
    for options in ({"escape_formulas": True}, {"profile": "excel"}):
        assert await refusal(exporting, sql, "csv", source, **options) == ("bad", 0)
        cleared = order(sql, "csv", source, on_unrepresentable="null", header=False, **options)
        assert (await document(exporting, cleared)).removeprefix(b"\xef\xbb\xbf") == b"1,,'=1\n"


async def test_a_column_whose_name_it_is(exporting: Database, invalid_url: str) -> None:
    await execute(
        invalid_url, f"DO $do$ BEGIN EXECUTE 'CREATE VIEW named AS SELECT 1 AS \"' || {BAD} || '\"'; END $do$"
    )
    with pytest.raises(QueryRejected, match="name of a column"):
        await document(exporting, order("SELECT * FROM named", "csv"))


async def test_where_the_server_says_something_too(exporting: Database) -> None:
    sql = f"SELECT said(i) AS i, CASE i WHEN 77 THEN {BAD} END AS bad FROM generate_series(1, 500) i"
    assert (await refusal(exporting, sql, "csv"))[0] == "bad"
    cleared = await document(exporting, order(sql, "csv", on_unrepresentable="null"))
    assert cleared == b"i,bad\n" + b"".join(b"%d,\n" % i for i in range(1, 501))


@pytest.mark.parametrize("source", ["copy", "cursor"])
@pytest.mark.parametrize("sql", [f"SELECT ({BAD})::int AS v", f"SELECT cried({BAD}) AS v"])
async def test_a_message_that_quotes_it_is_a_failure_of_the_query(exporting: Database, source: str, sql: str) -> None:
    with pytest.raises(QueryRejected):
        await document(exporting, order(sql, "csv", source))
