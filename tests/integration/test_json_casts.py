"""Types with a cast to json of their own: the cast makes the JSON of NDJSON, and of nothing that promises the value."""

import io
from collections.abc import AsyncIterator, Iterator
from typing import Any

import asyncpg
import orjson
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from exporter.exports.database import Database
from queries.errors import QueryRejected
from queries.header import ColumnOverride
from queries.unrepresentable import Unrepresentable
from tests.exporting import document, opened, order
from tests.postgres import execute, fresh_database

pytestmark = pytest.mark.anyio

SCHEMA = """
CREATE TYPE spot;
CREATE FUNCTION spot_in(cstring) RETURNS spot LANGUAGE internal IMMUTABLE STRICT AS 'textin';
CREATE FUNCTION spot_out(spot) RETURNS cstring LANGUAGE internal IMMUTABLE STRICT AS 'textout';
CREATE TYPE spot (INPUT = spot_in, OUTPUT = spot_out, LIKE = text, DELIMITER = ':');
CREATE FUNCTION spot_json(spot) RETURNS json IMMUTABLE STRICT LANGUAGE plpgsql AS $$DECLARE
    text text := textin(spot_out($1));
BEGIN
    IF text LIKE 'CURVE%' THEN RAISE EXCEPTION 'a curve has no JSON'; END IF;
    RETURN to_json(left(text, 6));
END$$;
CREATE FUNCTION spot_text(spot) RETURNS text IMMUTABLE STRICT LANGUAGE sql AS $$SELECT 'another text'$$;
CREATE FUNCTION text_spot(text) RETURNS spot IMMUTABLE STRICT LANGUAGE sql AS $$SELECT spot_in('another spot')$$;
CREATE CAST (spot AS json) WITH FUNCTION spot_json(spot);
CREATE CAST (spot AS text) WITH FUNCTION spot_text(spot);
CREATE CAST (text AS spot) WITH FUNCTION text_spot(text);
CREATE DOMAIN landmark AS spot;
CREATE TYPE place AS (name text, at spot);
CREATE TYPE street AS (number int, places place[]);
CREATE DOMAIN spots AS spot[];
CREATE DOMAIN positive AS int;
CREATE TYPE counted AS (at spot, n positive);
CREATE TABLE counts AS SELECT ROW('POINT', -1)::counted AS v;
ALTER DOMAIN positive ADD CHECK (VALUE > 0) NOT VALID;
"""

POINT = "POINT ZM(1.1234567890123456 2 3 7)"
COLUMNS = f"""'{POINT}'::spot AS spot, '{POINT}'::landmark AS landmark,
    ARRAY['{POINT}'::spot, NULL, 'a,"b":c', ''] AS spots, ARRAY['{POINT}']::landmark[] AS landmarks,
    '{{}}'::spot[] AS none,
    NULL::spot AS missing, NULL::spot[] AS missing_spots, ROW('x', '{POINT}')::place AS place,
    ARRAY[ROW('x', '{POINT}')::place, NULL, ROW(NULL, NULL)::place] AS places,
    ARRAY[ARRAY['{POINT}']::spots] AS lists,
    ROW(1, ARRAY[ROW('x', '{POINT}')::place])::street AS street, ROW(1, '{POINT}'::spot) AS record"""
PLACE = f'(x,"{POINT}")'
VALUES = {
    "spot": POINT,
    "landmark": POINT,
    "spots": [POINT, None, 'a,"b":c', ""],
    "landmarks": [POINT],
    "none": [],
    "missing": None,
    "missing_spots": None,
    "place": PLACE,
    "places": [PLACE, None, "(,)"],
    "lists": '{"{\\"' + POINT + '\\"}"}',
    "street": '(1,"{""(x,\\\\""' + POINT + '\\\\"")""}")',
    "record": f'(1,"{POINT}")',
}


@pytest.fixture(scope="module")
def cast_url(server_url: str) -> Iterator[str]:
    with fresh_database(server_url) as dsn:
        yield dsn


@pytest.fixture(scope="module", autouse=True)
async def types(cast_url: str) -> None:
    await execute(cast_url, SCHEMA)


@pytest.fixture
async def exporting(cast_url: str) -> AsyncIterator[Database]:
    async with opened(cast_url) as database:
        yield database


def table_of(extension: str, body: bytes) -> pa.Table:
    return pq.read_table(io.BytesIO(body)) if extension == "parquet" else pa.ipc.open_stream(body).read_all()


@pytest.mark.parametrize("source", ["copy", "cursor"])
@pytest.mark.parametrize("extension", ["parquet", "arrows"])
async def test_typed_formats_have_the_text_of_the_type(exporting: Database, extension: str, source: str) -> None:
    table = table_of(extension, await document(exporting, order(f"SELECT {COLUMNS}", extension, source)))
    assert table.to_pylist() == [VALUES]
    assert {
        str(column.type.value_type if pa.types.is_list(column.type) else column.type) for column in table.columns
    } == {"string"}


@pytest.mark.parametrize("source", ["copy", "cursor"])
@pytest.mark.parametrize("policy", ["error", "null"])
async def test_ndjson_has_what_row_to_json_gives(exporting: Database, source: str, policy: str) -> None:
    ((expected,),) = await fetched(exporting, f"SELECT row_to_json(r)::text FROM (SELECT {COLUMNS}) r")
    body = await document(exporting, order(f"SELECT {COLUMNS}", "ndjson", source, on_unrepresentable=policy))
    assert body.decode() == expected + "\n"


async def fetched(exporting: Database, sql: str) -> list[Any]:
    async with exporting.pool.transaction("oracle") as connection:
        return await connection.fetch(sql)


async def test_a_dataset_may_choose_the_cast(exporting: Database) -> None:
    declared = {name: ColumnOverride(type="json") for name in ("spot", "spots", "place", "places", "record")}
    table = table_of("arrows", await document(exporting, order(f"SELECT {COLUMNS}", "arrows", columns=declared)))
    row = table.select(declared.keys()).to_pylist()[0]
    assert {name: orjson.loads(text) for name, text in row.items()} == {
        "spot": "POINT ",
        "spots": ["POINT ", None, 'a,"b":', ""],
        "place": {"name": "x", "at": "POINT "},
        "places": [{"name": "x", "at": "POINT "}, None, {"name": None, "at": None}],
        "record": {"f1": 1, "f2": "POINT "},
    }


@pytest.mark.parametrize("source", ["copy", "cursor"])
async def test_several_dimensions_do_not_fit_a_list(exporting: Database, source: str) -> None:
    sql = f"SELECT ARRAY[['{POINT}'::spot]] AS v"
    with pytest.raises(Unrepresentable, match="more than one dimension"):
        await document(exporting, order(sql, "arrows", source))
    body = await document(exporting, order(sql, "arrows", source, on_unrepresentable="null"))
    assert table_of("arrows", body).to_pylist() == [{"v": None}]


CURVES = """
SELECT i, spot_in((CASE i % 7 WHEN 0 THEN 'CURVE' ELSE 'POINT' END)::cstring) AS v,
       ARRAY[spot_in((CASE i % 500 WHEN 0 THEN 'CURVE' ELSE 'POINT' END)::cstring)] AS list,
       ROW('x', spot_in((CASE i WHEN 2999 THEN 'CURVE' ELSE 'POINT' END)::cstring))::place AS place
FROM generate_series(1, 3000) i
"""


@pytest.mark.parametrize("source", ["copy", "cursor"])
async def test_a_value_that_the_cast_refuses(exporting: Database, source: str) -> None:
    with pytest.raises(QueryRejected, match="RaiseError"):
        await document(exporting, order(CURVES, "ndjson", source))
    body = await document(exporting, order(CURVES, "ndjson", source, on_unrepresentable="null"))
    place = {"name": "x", "at": "POINT"}
    assert [orjson.loads(line) for line in body.splitlines()] == [
        {
            "i": i,
            "v": "POINT" if i % 7 else None,
            "list": ["POINT"] if i % 500 else None,
            "place": None if i == 2999 else place,
        }
        for i in range(1, 3001)
    ]


async def test_what_no_value_is_to_blame_for_is_a_failure(exporting: Database) -> None:
    sql = "SELECT 'POINT'::spot AS v, 1 / (i - 2000) AS n FROM generate_series(1, 3000) i"
    with pytest.raises(QueryRejected, match="DivisionByZero"):
        await document(exporting, order(sql, "ndjson", on_unrepresentable="null"))


async def test_a_value_that_cannot_be_read_back_is_a_failure_and_no_refusal(exporting: Database) -> None:
    sql = "SELECT v, 'CURVE'::spot AS other FROM counts"
    assert orjson.loads(await document(exporting, order("SELECT v FROM counts", "ndjson")))
    with pytest.raises(QueryRejected):
        await document(exporting, order(sql, "ndjson", on_unrepresentable="null"))


async def test_arrays_are_read_back_as_they_were_written(exporting: Database) -> None:
    sql = "SELECT set_config('array_nulls', 'off', true) AS a, ARRAY['POINT'::spot, NULL] AS v, 'CURVE'::spot AS w"
    body = await document(exporting, order(sql, "ndjson", on_unrepresentable="null"))
    assert orjson.loads(body) == {"a": "off", "v": ["POINT", None], "w": None}


async def test_csv_has_the_text_of_the_type(exporting: Database) -> None:
    assert await document(exporting, order(f"SELECT '{POINT}'::spot AS v", "csv")) == f"v\n{POINT}\n".encode()


GEOMETRY = "ST_GeomFromEWKT('SRID=28992;POINT ZM(1.1234567890123456 2 3 7)')"


async def test_postgis(exporting: Database, cast_url: str) -> None:
    try:
        await execute(cast_url, "CREATE EXTENSION IF NOT EXISTS postgis")
    except asyncpg.FeatureNotSupportedError:
        pytest.skip("needs a server that has PostGIS")
    curve = "ST_GeomFromText('CIRCULARSTRING(0 0,1 1,2 0)')"
    sql = f"SELECT {GEOMETRY} AS g, ARRAY[{GEOMETRY}, NULL] AS gs, {curve} AS curve"
    (row,) = table_of("parquet", await document(exporting, order(sql, "parquet"))).to_pylist()
    values = f"'{row['g']}'::geometry = {GEOMETRY}, ST_AsEWKT('{row['curve']}'::geometry)"
    ((*read_back,),) = await fetched(exporting, f"SELECT {values}")
    assert read_back == [True, "CIRCULARSTRING(0 0,1 1,2 0)"]
    assert row["gs"] == [row["g"], None]
    line = orjson.loads(await document(exporting, order(sql, "ndjson", on_unrepresentable="null")))
    assert (line["g"]["type"], line["curve"]) == ("Point", None)
