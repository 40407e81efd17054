"""Descriptions hold what asyncpg's own prepared statements leave out; this fails if asyncpg keeps it elsewhere."""

import asyncio
from dataclasses import replace

import pytest

from queries.builtin import BUILTIN
from queries.connection import Connection
from queries.describe import Description, describe, types_of
from queries.errors import QueryRejected
from queries.types import Attribute, PgType

pytestmark = pytest.mark.anyio


async def test_a_column_comes_with_its_modifier_table_and_number(
    connection: Connection,
) -> None:
    await connection.execute("CREATE TEMP TABLE described (a text, price numeric(10,2))")
    table = await connection.fetchval("SELECT 'described'::regclass::oid::int8")
    found = await describe(connection, "SELECT price, sum(price) AS total, 'x'::varchar(3) FROM described GROUP BY 1")
    numeric, varchar = 1700, 1043
    assert found.attributes == (
        Attribute("price", numeric, (10 << 16 | 2) + 4, table, 2),
        Attribute("total", numeric, -1, 0, 0),
        Attribute("varchar", varchar, 3 + 4, 0, 0),
    )


async def test_parameters_are_counted(connection: Connection) -> None:
    assert (await describe(connection, "SELECT $1::text, $2::text[]")).parameters == 2
    assert await describe(connection, "SELECT") == Description((), 0)


async def test_a_composite_with_a_field_that_the_driver_cannot_decode_is_described(
    connection: Connection,
) -> None:
    found = await describe(connection, "SELECT NULL::pg_class AS c, NULL::pg_class[] AS a")
    types = await types_of(connection, [attribute.oid for attribute in found.attributes], {})
    assert [types[attribute.oid].name for attribute in found.attributes] == ["pg_class", "_pg_class"]


@pytest.mark.parametrize(
    "sql", ["SELECT 1; SELECT 2", "SET work_mem = '1MB'", "", "CREATE TABLE never (a int)", "SELECT nothing_there"]
)
async def test_what_is_not_one_query_is_refused(connection: Connection, sql: str) -> None:
    with pytest.raises(QueryRejected):
        await describe(connection, sql)


async def test_describing_runs_nothing(connection: Connection) -> None:
    await describe(connection, "SELECT pg_sleep(60)")


async def test_elements_and_bases_of_types_are_looked_up_too(connection: Connection) -> None:
    await connection.execute("CREATE DOMAIN pg_temp.cents AS numeric(9,2)")
    found = await describe(connection, "SELECT NULL::pg_temp.cents[] AS a")
    types = await types_of(connection, [found.attributes[0].oid], {})
    element = types[types[found.attributes[0].oid].element]
    assert (element.name, element.type) == ("cents", "d")
    assert BUILTIN[element.base].name == "numeric"


async def test_types_that_change_are_looked_up_again(connection: Connection) -> None:
    """Also those of another server behind the same address, which may have other types under the same oids."""
    await connection.execute("CREATE TYPE pg_temp.mood AS ENUM ('sad'); CREATE TYPE pg_temp.pair AS (a int, b text)")
    oids = [row[0] for row in await connection.fetch("SELECT unnest(ARRAY['mood', '_mood', 'pair']::regtype[]::oid[])")]
    mood, moods, pair = oids
    known: dict[int, PgType] = {}
    first = await types_of(connection, oids, known)
    assert first == known == await types_of(connection, oids, known)
    known[moods] = replace(known[moods], element=25)
    assert await types_of(connection, [moods], known) == {oid: first[oid] for oid in (mood, moods)}
    await connection.execute("ALTER TYPE mood RENAME TO humour; ALTER TYPE pair ADD ATTRIBUTE c int")
    changed = await types_of(connection, oids, known)
    assert [changed[oid].name for oid in oids] == ["humour", "_humour", "pair"]
    assert (await types_of(connection, [pair], known))[pair].casts_to_json is False
    await connection.execute("""
        CREATE FUNCTION pg_temp.to_json(humour) RETURNS json LANGUAGE sql AS 'SELECT NULL::json';
        CREATE CAST (humour AS json) WITH FUNCTION pg_temp.to_json(humour);
        ALTER TYPE pair ADD ATTRIBUTE d humour;
    """)
    assert {type_.casts_to_json for type_ in (await types_of(connection, oids, known)).values()} == {True}


async def test_types_that_have_not_changed_take_one_statement(connection: Connection) -> None:
    (row,) = await connection.fetch("SELECT 'information_schema.sql_identifier'::regtype::oid AS oid")
    known: dict[int, PgType] = {}
    await types_of(connection, [row["oid"]], known)
    sent = []
    with connection.query_logger(lambda record: sent.append(record.query)):
        await types_of(connection, [row["oid"]], known)
        await types_of(connection, [23, 25], known)
        await asyncio.sleep(0)
    assert len(sent) == 1
