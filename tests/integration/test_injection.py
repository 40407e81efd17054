"""No argument ends the literal it stands in: through every parameter type, both ways of binding, on a real server."""

import io
from collections.abc import AsyncIterator

import asyncpg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from queries.binding import Template, bind
from queries.connection import Connection
from queries.declaration import Parameter, ParameterType, Value
from queries.describe import describe
from queries.errors import ArgumentRejected, QueryRejected

pytestmark = pytest.mark.anyio

ATTACKS = [
    "'; DROP TABLE victim; --", "\\'; DROP TABLE victim; --", "\\", "'", "''", "\\'", "\\\\'", "$$",
    "$$; DROP TABLE victim; $$", "$a$", "E'", "U&'\\0027", "*/", "/*", "*/ DROP TABLE victim; /*", "--",
    "-- \n'; DROP TABLE victim; --", "\n", "\r\n", "\t", '"', '"; DROP TABLE victim; --', ":note", "$1", "%s", "%",
    "{}", "{", '{"a"}', "NULL", "", " ", "é", "\u02bc; DROP TABLE victim; --", "\u2019", "😀", "\U0010ffff", "\ufeff",
    "\ufffe", "\x01", "\x7f", "\\u0027", "\\x27", "\\.", "'::text; DROP TABLE victim; --", "a'||pg_sleep(9)||'",
    "))); DROP TABLE victim; --", "¿'", "\xbf\x27", "x" * 100_000,
]  # fmt: skip

AROUND = [
    "SELECT :v AS v",
    "SELECT 'a':v AS v",
    "SELECT ':v' || '' AS other, :v AS v",
    "SELECT E'it\\'s :v' AS other, :v AS v -- :v '",
    "SELECT $$ :v $$ AS other, $v$ :v $v$ AS more, :v AS v",
    "/* :v ' /* :v */ */ SELECT :v /* :v */ AS v /* ' */",
    'SELECT 1 AS ":v", :v AS v, (ARRAY[1,2,3])[1:2] AS slice',
    "SELECT -- it's :v\n:v\n-- :v\nAS v;",
    "SELECT 'a'\n':v' AS other,:v AS v;;",
    "SELECT * FROM (SELECT :v AS v) s WHERE v IS NOT DISTINCT FROM :v",
]

GOOD: dict[ParameterType, str] = {
    "smallint": "-32768",
    "integer": "2147483647",
    "bigint": "-9223372036854775808",
    "numeric": "1E+20",
    "boolean": "true",
    "date": "9999-12-31",
    "timestamp": "0001-01-01 00:00:00.000001",
    "timestamptz": "9999-12-31 23:59:59-15:59",
    "uuid": "123e4567-e89b-12d3-a456-426614174000",
}


@pytest.fixture
async def victim(database_url: str) -> AsyncIterator["asyncpg.Connection[asyncpg.Record]"]:
    """A connection that could do harm: not read-only, with a table that every attack would drop."""
    connection = await asyncpg.connect(database_url)
    try:
        await connection.execute("SET TimeZone = 'UTC'; DROP TABLE IF EXISTS victim; CREATE TABLE victim (v text)")
        yield connection
        assert await connection.fetchval("SELECT to_regclass('victim') IS NOT NULL"), "a table was dropped"
        await connection.execute("DROP TABLE victim")
    finally:
        await connection.close()


async def copied(connection: Connection, template: Template, values: list[Value], column: str) -> str | None:
    """The hex of the column's text as COPY sends it, so that no CSV stands between the value and the test."""
    sql = await bind(connection, template, values)
    output = io.BytesIO()
    wrapped = f"SELECT encode(convert_to(format('%s', {column}), 'UTF8'), 'hex'), {column} IS NULL FROM (\n{sql}\n) r"
    await connection.copy_from_query(wrapped, output=output, format="csv")
    text, is_null = output.getvalue().decode().strip().split(",")
    return None if is_null == "t" else bytes.fromhex(text.strip('"')).decode()


async def fetched(connection: Connection, template: Template, values: list[Value], column: str) -> str | None:
    shown = f"CASE WHEN {column} IS NULL THEN NULL ELSE format('%s', {column}) END"
    row = await connection.fetchrow(f"SELECT {shown} FROM (\n{template.numbered()}\n) r", *values)
    assert row is not None
    text: str | None = row[0]
    return text


async def both(connection: Connection, template: Template, value: Value, column: str = "v") -> str | None:
    through_copy = await copied(connection, template, [value], column)
    assert through_copy == await fetched(connection, template, [value], column)
    return through_copy


def of_type(type_: ParameterType, sql: str = "SELECT :v AS v") -> Template:
    return Template(sql, (Parameter(name="v", type=type_),))


@pytest.mark.parametrize("sql", AROUND)
async def test_hostile_text_comes_back_as_it_is(victim: Connection, sql: str) -> None:
    # Where text stands beside the placeholder the server refuses the statement; nothing else may happen.
    template = of_type("text", sql)
    for attack in ATTACKS:
        if "'a':v" in sql:
            with pytest.raises(QueryRejected):
                await bind(victim, template, [attack])
        else:
            assert await both(victim, template, attack) == attack


async def test_hostile_items_of_a_text_array_come_back_as_they_are(victim: Connection) -> None:
    template = of_type("text[]", "SELECT item AS v FROM unnest(:v) WITH ORDINALITY u(item, n) WHERE n = 2")
    for attack in ATTACKS:
        assert await both(victim, template, ["first", attack]) == attack


async def test_an_array_keeps_its_nulls_and_its_number_of_items(victim: Connection) -> None:
    template = of_type("text[]", "SELECT (cardinality(:v), array_position(:v, NULL))::text AS v")
    assert await both(victim, template, [*ATTACKS, None, "NULL"]) == f"({len(ATTACKS) + 2},{len(ATTACKS) + 1})"
    assert await both(victim, template, []) == "(0,)"


@pytest.mark.parametrize("type_", GOOD)
async def test_an_attack_through_a_typed_parameter_is_refused_before_it_is_sent(type_: ParameterType) -> None:
    for declared in (type_, f"{type_}[]"):
        parameter = Parameter.model_validate({"name": "v", "type": declared})
        for attack in ATTACKS:
            for text in (attack, GOOD[type_] + attack):
                if text.strip() != GOOD[type_]:
                    with pytest.raises(ValueError):
                        parameter.parse([text])


@pytest.mark.parametrize("type_", GOOD)
async def test_an_attack_that_got_past_validation_is_refused_by_the_server_and_named(
    victim: Connection, type_: ParameterType
) -> None:
    template = Template("SELECT :fine, :v", (Parameter(name="fine", type="integer"), Parameter(name="v", type=type_)))
    for attack in ("'; DROP TABLE victim; --", "\\'; DROP TABLE victim; --", "$$", "*/"):
        async with victim.transaction():
            with pytest.raises(ArgumentRejected) as caught:
                await bind(victim, template, ["1", attack])
            assert caught.value.parameter == "v"
            assert await victim.fetchval("SELECT 1") == 1, "the transaction survives"


async def test_what_follows_a_refused_argument_still_may_only_read(victim: Connection) -> None:
    with pytest.raises(asyncpg.ReadOnlySQLTransactionError):
        async with victim.transaction(isolation="repeatable_read", readonly=True):
            with pytest.raises(ArgumentRejected):
                await bind(victim, of_type("date"), ["0000-00-00"])
            await victim.execute("DROP TABLE victim")


@pytest.mark.parametrize(("type_", "text"), GOOD.items())
async def test_values_of_every_type_mean_the_same_in_both_forms(
    victim: Connection, type_: ParameterType, text: str
) -> None:
    expected = await victim.fetchval("SELECT format('%s', x) FROM (SELECT $1::text::" + type_ + ") r(x)", text)
    assert await both(victim, of_type(type_), text) == expected
    array: ParameterType = f"{type_}[]"  # type: ignore[assignment]  # every scalar has an array
    assert await both(victim, of_type(array, "SELECT (:v)[2] AS v"), [text, text]) == expected
    assert await both(victim, of_type(type_), None) is None
    assert await both(victim, of_type(array), None) is None


@pytest.mark.parametrize("type_", GOOD)
async def test_a_column_that_is_a_parameter_alone_keeps_its_name(victim: Connection, type_: ParameterType) -> None:
    sql = await bind(victim, of_type(type_, "SELECT :v, 1 AS n GROUP BY :v ORDER BY :v LIMIT 1"), [GOOD[type_]])
    # The simple protocol: asyncpg cannot decode every timestamp that the server holds.
    assert await victim.execute(sql) == "SELECT 1"


async def test_a_query_that_changes_with_its_binding_is_refused(victim: Connection) -> None:
    # A raw $1 cannot get into a template; a description of another query stands for any difference.
    for sql, message in (("SELECT $1::int", "differs"), ("SELECT 1::int AS v", "the server sees 0")):
        described = await describe(victim, sql)
        with pytest.raises(QueryRejected, match=message):
            await bind(victim, of_type("integer"), ["1"], described)


async def test_a_second_statement_is_refused(victim: Connection) -> None:
    with pytest.raises(QueryRejected):
        await bind(victim, of_type("text", "SELECT :v; DROP TABLE victim"), ["x"])
    with pytest.raises(QueryRejected):
        await bind(victim, Template("SELECT 1; DROP TABLE victim"), [])


@settings(
    max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)
@given(
    st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=40)
    | st.lists(st.sampled_from([piece for piece in ATTACKS if len(piece) < 100]), max_size=5).map("".join),
    st.sampled_from([sql for sql in AROUND if "'a':v" not in sql]),
)
async def test_any_text_comes_back_as_it_is(victim: Connection, value: str, sql: str) -> None:
    assert await both(victim, of_type("text", sql), value) == value
