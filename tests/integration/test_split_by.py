"""A query that is read in ranges of its key has the rows of the query, each once."""

from concurrent.futures import ThreadPoolExecutor
from contextlib import aclosing

import asyncpg
import pytest

from exporter.exports.database import Database
from queries.declaration import Parameter
from queries.errors import QueryError, QueryRejected
from tests.exporting import document, export, order, single

pytestmark = [pytest.mark.anyio, pytest.mark.usefixtures("small")]

SCHEMA = """
CREATE SCHEMA keyed;
CREATE TABLE keyed.rows AS
SELECT n AS int4, n::int8 * 4611686018427387 AS int8, (n / 2)::int2 AS int2, DATE '2000-01-01' + n AS day,
       timestamp '1900-01-01' + n * interval '1 day 1.000001 s' AS at,
       timestamptz '2024-03-31 00:00Z' + n * interval '1 minute' AS atz, md5(n::text) AS text
FROM generate_series(-2000, 2000) n;
INSERT INTO keyed.rows (text) SELECT 'null' FROM generate_series(1, 10);
INSERT INTO keyed.rows VALUES
    (2147483647, 9223372036854775807, 32767, 'infinity', 'infinity', 'infinity', 'greatest'),
    (-2147483648, -9223372036854775808, -32768, '-infinity', '-infinity', '-infinity', 'least'),
    (0, 0, 0, '4713-01-01 BC', '4713-01-01 BC', '4713-01-01 BC', 'early'),
    (0, 0, 0, '5874897-12-31', '294276-12-31', '294276-12-31', 'late');
ANALYZE keyed.rows;
"""
KEYS = ["int2", "int4", "int8", "day", "at", "atz"]


@pytest.fixture(scope="module", autouse=True)
async def rows(database_url: str) -> None:
    connection = await asyncpg.connect(database_url)
    await connection.execute(SCHEMA)
    await connection.close()


@pytest.mark.parametrize("key", KEYS)
async def test_in_the_order_of_the_key_it_has_the_bytes_of_the_query(
    database_url: str, exporting: Database, parts: list[str], key: str
) -> None:
    wanted = order(f"SELECT * FROM keyed.rows ORDER BY {key}, text", "csv", split_by=key)
    found = await document(exporting, wanted)
    assert len(parts) > 3
    assert found == await single(database_url, wanted)


@pytest.mark.parametrize("key", KEYS)
async def test_without_an_order_it_has_the_same_rows(
    database_url: str, exporting: Database, parts: list[str], key: str
) -> None:
    wanted = order("SELECT text, * FROM keyed.rows -- every row", "csv", split_by=key, ordered=False)
    found = await document(exporting, wanted)
    assert len(parts) > 3
    assert sorted(found.splitlines()) == sorted((await single(database_url, wanted)).splitlines())


async def test_with_arguments(database_url: str, exporting: Database, parts: list[str]) -> None:
    parameters = (Parameter(name="least", type="integer"),)
    wanted = order(
        "SELECT * FROM keyed.rows WHERE int4 >= :least ORDER BY int4, text",
        "ndjson",
        split_by="int4",
        parameters=parameters,
        arguments={"least": "-100"},
    )
    found = await document(exporting, wanted)
    assert parts
    assert found == await single(database_url, wanted)


@pytest.mark.parametrize("condition", ["false", "int4 IS NULL", "day = 'infinity'"])
async def test_without_a_value_of_the_key(database_url: str, exporting: Database, condition: str) -> None:
    wanted = order(f"SELECT day, text FROM keyed.rows WHERE {condition}", "csv", split_by="day")
    assert await document(exporting, wanted) == await single(database_url, wanted)


@pytest.mark.parametrize(
    ("sql", "told"),
    [("SELECT text FROM keyed.rows", "0 columns"), ("SELECT text AS day FROM keyed.rows", "not an integer")],
)
async def test_a_key_that_cannot_be_used(exporting: Database, sql: str, told: str) -> None:
    with pytest.raises(QueryRejected, match=told):
        await document(exporting, order(sql, "csv", split_by="day"))


async def test_a_part_that_the_server_refuses_is_not_the_beginning_of_another_try(exporting: Database) -> None:
    """The error of this cast has the code that servers without COPY answer."""
    bad = "CASE WHEN int4 = 1900 THEN 'NaN'::numeric ELSE 1 END::int"
    sql = f"SELECT int4, text, {bad} AS bad FROM keyed.rows WHERE int4 BETWEEN -3000 AND 3000"
    body = b""
    with ThreadPoolExecutor(2) as threads, pytest.raises(QueryError):
        async with aclosing(export(order(sql, "csv", split_by="int4"), exporting, threads)) as chunks:
            async for chunk in chunks:
                body += chunk
    rows = body.splitlines()[1:-1]
    assert len(rows) > 1000
    assert len(rows) == len(set(rows))
