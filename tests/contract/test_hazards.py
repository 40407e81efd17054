"""Results that break exporters: nothing at all, one empty column, very many columns, very large values."""

import io
import json
from collections.abc import AsyncIterator

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from exporter.exports.database import Database
from exporter.problems import Problem, ProblemType
from queries.unrepresentable import Unrepresentable
from tests.exporting import FORMATS, database, document, order, psql_output

pytestmark = pytest.mark.anyio

_SOURCES = pytest.mark.parametrize("source", ["copy", "cursor"])
_NO_ROWS = "SELECT 1::bigint AS a, 'x'::text AS b, ARRAY[1.5::numeric(4,1)] AS c WHERE false"


@pytest.fixture(scope="module")
async def exporting(database_url: str) -> AsyncIterator[Database]:
    opened = database(database_url)
    yield opened
    await opened.pool.close()


def _arrow(body: bytes) -> pa.Table:
    return pa.ipc.open_stream(body).read_all()


def _parquet(body: bytes) -> pa.Table:
    return pq.read_table(io.BytesIO(body))


@_SOURCES
async def test_no_rows_give_a_valid_document_with_the_right_schema(exporting: Database, source: str) -> None:
    found = {extension: await document(exporting, order(_NO_ROWS, extension, source)) for extension in FORMATS}
    assert found["csv"] == b"a,b,c\n"
    assert found["ndjson"] == b""
    expected = pa.schema([("a", pa.int64()), ("b", pa.string()), ("c", pa.list_(pa.decimal128(4, 1)))])
    for table in (_arrow(found["arrows"]), _parquet(found["parquet"])):
        assert table.num_rows == 0
        assert [field.name for field in table.schema] == ["a", "b", "c"]
        assert table.schema.types[:2] == expected.types[:2]
        assert table.schema.field("c").type.value_type == pa.decimal128(4, 1)


@_SOURCES
async def test_rows_of_a_single_null_or_empty_column_are_all_there(exporting: Database, source: str) -> None:
    query = "SELECT v FROM (VALUES (1, NULL), (2, ''), (3, NULL), (4, '\\.'), (5, 'x'), (6, NULL)) t(n, v) ORDER BY n"
    values = [None, "", None, "\\.", "x", None]
    assert await document(exporting, order(query, "csv", source)) == b'v\n\n""\n\n"\\."\nx\n\n'
    lines = (await document(exporting, order(query, "ndjson", source))).decode().splitlines()
    assert [json.loads(line)["v"] for line in lines] == values
    assert _arrow(await document(exporting, order(query, "arrows", source)))["v"].to_pylist() == values
    assert _parquet(await document(exporting, order(query, "parquet", source)))["v"].to_pylist() == values


@_SOURCES
async def test_rows_without_columns_are_counted(exporting: Database, source: str) -> None:
    query = "SELECT FROM generate_series(1, 3)"
    assert await document(exporting, order(query, "csv", source)) == b"\n\n\n\n"
    assert await document(exporting, order(query, "ndjson", source)) == b"{}\n" * 3
    assert _arrow(await document(exporting, order(query, "arrows", source))).num_rows == 3
    with pytest.raises(Problem) as refusal:
        await document(exporting, order(query, "parquet", source))
    assert refusal.value.type is ProblemType.NOT_ACCEPTABLE


@_SOURCES
async def test_sixteen_hundred_columns_come_through(exporting: Database, source: str) -> None:
    query = "SELECT " + ", ".join(f"{n} AS c{n}" for n in range(1600)) + " FROM generate_series(1, 2)"
    row = list(range(1600))
    assert (await document(exporting, order(query, "csv", source))).splitlines()[1] == ",".join(map(str, row)).encode()
    line = (await document(exporting, order(query, "ndjson", source))).splitlines()[0]
    assert list(json.loads(line).values()) == row
    for table in (
        _arrow(await document(exporting, order(query, "arrows", source))),
        _parquet(await document(exporting, order(query, "parquet", source))),
    ):
        assert list(table.to_pylist()[1].values()) == row


@pytest.mark.parametrize("extension", ["csv", "ndjson", "arrows", "parquet"])
async def test_a_field_of_150_mb_comes_through_whole(exporting: Database, extension: str) -> None:
    query = "SELECT 1 AS n, repeat('0123456789', 15000000) AS v"
    body = await document(exporting, order(query, extension))
    if extension == "csv":
        value = body.removeprefix(b"n,v\n1,").removesuffix(b"\n").decode()
    elif extension == "ndjson":
        value = json.loads(body)["v"]
    else:
        value = (_arrow if extension == "arrows" else _parquet)(body)["v"][0].as_py()
    assert len(value) == 150_000_000
    assert value == "0123456789" * 15_000_000


async def test_names_that_occur_twice_are_kept_where_the_format_can(exporting: Database) -> None:
    query = 'SELECT 1 AS a, 2 AS "a,b", 3 AS a'
    assert await document(exporting, order(query, "csv")) == b'a,"a,b",a\n1,2,3\n'
    assert await document(exporting, order(query, "ndjson")) == b'{"a":1,"a,b":2,"a":3}\n'
    for extension in ("arrows", "parquet"):
        with pytest.raises(Problem) as refusal:
            await document(exporting, order(query, extension))
        assert refusal.value.type is ProblemType.DUPLICATE_COLUMNS
        assert "a_2" in refusal.value.detail
    chosen = await document(exporting, order(query, "arrows", chosen=("a,b",)))
    assert _arrow(chosen).to_pylist() == [{"a,b": 2}]


@_SOURCES
async def test_line_breaks_and_byte_order_marks_inside_values_survive_every_block_boundary(
    exporting: Database, source: str
) -> None:
    query = r"SELECT i, E'\ufeff' || repeat(E'a\r\nb', i % 40) || E'\"\n' AS v FROM generate_series(1, 60000) i"
    expected = ["\ufeff" + "a\r\nb" * (i % 40) + '"\n' for i in range(1, 60001)]
    table = _arrow(await document(exporting, order(query, "arrows", source)))
    assert table["v"].num_chunks > 2
    assert table["v"].to_pylist() == expected
    lines = (await document(exporting, order(query, "ndjson", source))).splitlines()
    assert [json.loads(line)["v"] for line in lines] == expected


@_SOURCES
async def test_a_limit_and_chosen_columns_apply_to_every_format(exporting: Database, source: str) -> None:
    query = "SELECT i AS a, i * 2 AS b, i * 3 AS c FROM generate_series(1, 10) i ORDER BY i DESC -- last"
    how = {"limit": 2, "chosen": ("c", "a")}
    assert await document(exporting, order(query, "csv", source, **how)) == b"c,a\n30,10\n27,9\n"
    assert await document(exporting, order(query, "ndjson", source, **how)) == b'{"c":30,"a":10}\n{"c":27,"a":9}\n'
    expected = [{"c": 30, "a": 10}, {"c": 27, "a": 9}]
    assert _arrow(await document(exporting, order(query, "arrows", source, **how))).to_pylist() == expected
    assert _parquet(await document(exporting, order(query, "parquet", source, **how))).to_pylist() == expected


async def test_a_column_that_is_chosen_twice_is_refused(exporting: Database) -> None:
    with pytest.raises(Problem) as refusal:
        await document(exporting, order("SELECT 1 AS a", "csv", chosen=("a", "a")))
    assert [fault.parameter for fault in refusal.value.faults] == ["columns"]


@pytest.mark.parametrize("extension", ["arrows", "parquet"])
async def test_a_value_that_does_not_fit_names_its_column_and_its_row_in_the_export(
    exporting: Database, extension: str
) -> None:
    price = "(CASE WHEN i = 90001 THEN 'NaN' ELSE i::text END)::numeric(9,2) AS price"
    query = f"SELECT i, {price} FROM generate_series(1, 200000) i"
    with pytest.raises(Unrepresentable) as refusal:
        await document(exporting, order(query, extension))
    assert (refusal.value.column, refusal.value.row) == ("price", 90_000)
    assert str(refusal.value).startswith("column 'price', row 90001: ")


async def test_the_document_says_what_it_is(exporting: Database) -> None:
    for table in (
        _arrow(await document(exporting, order("SELECT 1 AS a", "arrows"))),
        _parquet(await document(exporting, order("SELECT 1 AS a", "parquet"))),
    ):
        metadata = table.schema.metadata
        assert metadata[b"dataset"] == b"tested"
        assert metadata[b"export_id"] == b"00000000-0000-7000-8000-000000000000"
        assert metadata[b"snapshot_time"].startswith(b"20")


async def test_a_row_group_has_the_rows_that_were_asked_for(exporting: Database) -> None:
    body = await document(exporting, order("SELECT i FROM generate_series(1, 2500) i", "parquet", row_group_size=1000))
    metadata = pq.ParquetFile(io.BytesIO(body)).metadata
    assert [metadata.row_group(i).num_rows for i in range(metadata.num_row_groups)] == [1000, 1000, 500]
    assert metadata.row_group(0).column(0).compression == "ZSTD"


async def test_psql_agrees_on_names_and_values_that_need_quotes(
    exporting: Database, psql: str, database_url: str
) -> None:
    query = r"""SELECT E'a"b' AS "x""y", E'l\nm' AS "l,m", NULL AS "\." """.strip()
    expected = psql_output(psql, database_url, f"COPY ({query}) TO STDOUT (FORMAT csv, HEADER)")
    assert await document(exporting, order(query, "csv")) == expected
