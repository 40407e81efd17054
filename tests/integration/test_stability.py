"""What gives a query other rows each time it runs, or over each connection, is known by its plan and the catalogue."""

import logging
from typing import Any

import pytest

from exporter.exports import scan
from queries import walk
from queries.connection import Connection
from queries.explain import explained, generic_plan
from queries.stability import unstable
from tests.exporting import database, document, order
from tests.postgres import execute

pytestmark = pytest.mark.anyio

SCHEMA = """
DROP SCHEMA IF EXISTS stability CASCADE;
CREATE SCHEMA stability;
CREATE TABLE stability.t AS SELECT i, now() AS at, 'x'::text AS word FROM generate_series(1, 3000) i;
CREATE FUNCTION stability.dice() RETURNS float8 LANGUAGE plpgsql AS $$BEGIN RETURN random(); END$$;
CREATE FUNCTION stability.inlined() RETURNS float8 VOLATILE LANGUAGE sql AS 'SELECT random()';
CREATE FUNCTION stability.kept(i int) RETURNS int STABLE LANGUAGE plpgsql AS $$BEGIN RETURN i; END$$;
CREATE FUNCTION stability.lower(i int) RETURNS int VOLATILE LANGUAGE plpgsql AS $$BEGIN RETURN i; END$$;
CREATE FUNCTION stability.plus(a int, b text) RETURNS int VOLATILE LANGUAGE plpgsql AS $$BEGIN RETURN a; END$$;
CREATE OPERATOR stability.<+> (FUNCTION = stability.plus, LEFTARG = int, RIGHTARG = text);
CREATE TYPE stability.odd AS (i int);
CREATE FUNCTION stability.to_odd(i int) RETURNS stability.odd VOLATILE LANGUAGE plpgsql AS
    $$BEGIN RETURN ROW(i)::stability.odd; END$$;
CREATE CAST (int AS stability.odd) WITH FUNCTION stability.to_odd(int);
CREATE VIEW stability.hiding AS SELECT * FROM stability.t WHERE at < now();
CREATE VIEW stability.sampling AS SELECT * FROM stability.t TABLESAMPLE SYSTEM (50);
"""


@pytest.fixture(scope="module", autouse=True)
async def tables(database_url: str) -> None:
    await execute(database_url, SCHEMA)


async def found(connection: Connection, sql: str) -> Any:
    return await unstable(connection, sql, await explained(connection, sql, verbose=True))


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT i, at, lower(word) AS w, to_char(at, 'YYYY') AS y FROM stability.t WHERE at < '2030-01-01'::date",
        "SELECT i, current_user, current_setting('TimeZone'), stability.kept(i) FROM stability.t ORDER BY i",
        "SELECT a.i, count(*), sum(b.i) FROM stability.t a JOIN stability.t b USING (i) GROUP BY a.i",
        "SELECT i, 'nowhere' AS a, 'it is now' AS b, \"random\" FROM (SELECT i, 1 AS random FROM stability.t) s",
        "SELECT i, CASE WHEN i IN (SELECT i FROM stability.t) THEN 1 END, ARRAY[i], ROW(i, 2) FROM stability.t",
        "SELECT i, row_number() OVER (PARTITION BY word ORDER BY i) FROM stability.t",
    ],
)
async def test_the_same_rows_each_time(connection: Connection, sql: str) -> None:
    assert await found(connection, sql) == []


@pytest.mark.parametrize(
    ("sql", "names"),
    [
        ("SELECT i FROM stability.t WHERE at > now()", ["now"]),
        ("SELECT i FROM stability.t WHERE at > pg_catalog.statement_timestamp ()", ["statement_timestamp"]),
        ("SELECT i FROM stability.t WHERE at > 'now'::timestamptz", ["'now'"]),
        ("SELECT i FROM stability.t WHERE at > timestamptz 'Today 10:00'", ["'Today 10:00'"]),
        ("SELECT i FROM stability.t WHERE at > ('to' || 'day')::text::timestamptz", ["'today'"]),
        ("SELECT i, CURRENT_DATE AS day FROM stability.t", ["current_date"]),
        ("SELECT i, localtimestamp(0) AS day FROM stability.t", ["localtimestamp"]),
        ("SELECT i, age(at) FROM stability.t", ["current_date"]),
        ("SELECT i, pg_backend_pid() FROM stability.t", ["pg_backend_pid"]),
        ("SELECT i, random() FROM stability.t", ["random"]),
        ("SELECT i, stability.dice() FROM stability.t", ["dice"]),
        ("SELECT i, stability.inlined() FROM stability.t", ["inlined", "random"]),
        ("SELECT stability.lower(i) AS i FROM stability.t", ["lower"]),
        ("SELECT i OPERATOR(stability.<+>) 'a' AS i FROM stability.t", ["<+>"]),
        ("SELECT i, i::stability.odd FROM stability.t", ["odd"]),
        ("SELECT i, gen_random_uuid() FROM stability.t", ["gen_random_uuid"]),
        ("SELECT i FROM stability.hiding", ["now"]),
        ("SELECT i FROM stability.sampling", ["TABLESAMPLE"]),
        ("SELECT i FROM stability.t WHERE i IN (SELECT (random() * 9)::int FROM stability.t)", ["random"]),
        (
            "WITH w AS MATERIALIZED (SELECT i, clock_timestamp() AS c FROM stability.t) SELECT * FROM w",
            ["clock_timestamp"],
        ),
    ],
)
async def test_other_rows_each_time(connection: Connection, sql: str, names: list[str]) -> None:
    assert await found(connection, sql) == names


@pytest.mark.parametrize(
    ("sql", "names"),
    [
        ("SELECT i FROM stability.hiding WHERE i > $1::text::int", ["now"]),
        ("SELECT i FROM stability.sampling WHERE i > $1::text::int AND word = ANY ($2::text[])", ["TABLESAMPLE"]),
        ("SELECT i FROM stability.t WHERE at < $1::text::timestamptz", []),
        ("SELECT i FROM stability.hiding", ["now"]),
    ],
)
async def test_before_there_are_arguments(connection: Connection, sql: str, names: list[str]) -> None:
    async with connection.transaction(readonly=True):
        for _ in range(2):
            assert await unstable(connection, sql, await generic_plan(connection, sql, sql.count("$"))) == names
        assert await connection.fetchval("SELECT count(*) FROM pg_prepared_statements WHERE name = 'generic'") == 0


async def test_without_a_plan_the_text_tells(connection: Connection) -> None:
    assert await unstable(connection, "SELECT i, random() FROM stability.t", None) == ["random"]


async def test_such_a_query_is_read_by_one_connection_and_the_log_says_so(
    database_url: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(scan, "_BYTES_EACH", 1)
    monkeypatch.setattr(walk, "BLOCK_BYTES", 10_000)
    exporting = database(database_url, size=3)
    for what, processes in (("pg_backend_pid()", 1), ("stability.kept(7)", 1), ("pg_backend_pid() * 0 + i % 1", 1)):
        body = await document(exporting, order(f"SELECT i, {what} AS pid FROM stability.t", "csv", split_by="i"))
        assert len({line.split(b",")[1] for line in body.splitlines()[1:]}) == processes
    assert [record.levelno for record in caplog.records] == [logging.WARNING] * 2
    assert "tested is read over one connection: pg_backend_pid would differ between connections" in caplog.text
    await exporting.pool.close()
