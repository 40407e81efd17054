"""NDJSON lines equal what `row_to_json` gives, for every type that the server has."""

from collections.abc import AsyncIterator
from typing import Any, cast

import asyncpg
import pytest

from formats.ndjson import NdjsonEncoder, NdjsonOptions
from queries.columns import text_schema
from queries.connection import Connection
from queries.projection import Projection
from tests.integration.reading import SETTINGS, columns_of, texts
from tests.integration.typetable import CASES, SCHEMA

pytestmark = pytest.mark.anyio

NUMBERS = ["0", "-0", "1", "-1", "32767", "1.50", "1e300", "NaN", "Infinity", "-Infinity", "12345678901234567890.10"]
MOMENTS = [
    "2024-01-02", "03:04:05", "24:00:00", "03:04:05.000006+02", "2024-01-02 03:04:05", "2024-01-02 03:04:05.6+05:45",
    "0044-03-15 BC", "0044-03-15 12:00:00+00 BC", "294276-12-31 23:59:59.999999", "infinity", "-infinity",
    "1 year -2 days 3:04:05.6", "-1 mon",
]  # fmt: skip
TEXTS = [
    "", " ", "a", "t", "f", "NULL", "null", "\\", '"', 'say "hi", \\n', "a,b", "\\.", "a\nb\r\nc\td",
    "é\u2028\U0001f600\ufeff",
    "".join(map(chr, range(1, 128))), "\N{BYTE ORDER MARK}first",
]  # fmt: skip
DOCUMENTS = ['{"a": 1.00, "b": [true, null]}', '{"a":\r\n 1}', "[1,\n2]", '"\\u0041\\n"', "1e5", "<a b='c'>\n<d/></a>"]
SHAPES = [
    "(1,2)", "(1,2),(3,4)", "[(1,2),(3,4)]", "((1,2),(3,4))", "<(1,2),3>", "{1,2,3}", "10.0.0.1", "10.0.0.0/8",
    "::1/128", "08:00:2b:01:02:03", "08:00:2b:01:02:03:04:05", "1", "101", "\\x", "\\x00ff5c22", "16/B374D848",
    "(0,1)", "10:20:10,14,15", "$1,234.56", "a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11", "'a' & 'b':2", "'a':1 'b''c':2B",
    "pg_class", "int4", "sum(int4)", "version()", "+(int4,int4)", "pg_catalog", "english", "simple", "postgres",
    "[1,5)", "empty", "{[1,5),[7,9)}", "{}", "{NULL}", '["2024-01-01 00:00:00","2025-01-01 00:00:00")',
    '{["2024-01-01 00:00:00","2025-01-01 00:00:00")}', "[2024-01-01,2024-02-01)", "{[2024-01-01,2024-02-01)}",
]  # fmt: skip
CANDIDATES = NUMBERS + MOMENTS + TEXTS + DOCUMENTS + SHAPES


@pytest.fixture(scope="module")
async def connection(database_url: str) -> AsyncIterator[Connection]:
    connection = await asyncpg.connect(database_url)
    await connection.execute(f"CREATE SCHEMA lines; SET search_path = lines, public; {SCHEMA} {SETTINGS}")
    yield cast("Connection", connection)
    await connection.close()


async def ndjson(connection: Connection, query: str) -> Any:
    columns = await columns_of(connection, query)
    encoder = NdjsonEncoder(text_schema(columns), NdjsonOptions())
    lines = encoder.write(encoder.prepare(await texts(connection, query, columns, Projection.TEXT)))
    return (encoder.header() + lines + encoder.finish()).decode().split("\n")


async def oracle(connection: Connection, query: str) -> Any:
    lines = bytearray()

    async def write(chunk: bytes) -> None:
        lines.extend(chunk)

    # The server's own text of each line: neither mark can occur in JSON, so COPY quotes and doubles nothing.
    await connection.copy_from_query(
        "SELECT replace(replace(row_to_json(r)::text, chr(10), ' '), chr(13), ' ') FROM (\n" + query + "\n) r",
        output=write, format="csv", quote="\x01", delimiter="\x02",
    )  # fmt: skip
    return lines.decode().split("\n")


async def assert_equal_lines(connection: Connection, query: str) -> Any:
    lines = await ndjson(connection, query)
    assert lines == await oracle(connection, query)
    return len(lines) - 1


async def accepted(connection: Connection, type_: str) -> Any:
    """Return the candidates that are values of a type, as SQL."""
    values = []
    for candidate in CANDIDATES:
        value = "E'{}'::{}".format(candidate.replace("\\", "\\\\").replace("'", "''"), type_)
        try:
            await connection.execute(f"SELECT {value}")
        except asyncpg.PostgresError:
            continue
        values.append(value)
    return values


async def column_types(connection: Connection) -> Any:
    """Return every built-in type that a column can have and a user can write a value of, arrays apart."""
    rows = await connection.fetch("""
        SELECT format_type(oid, NULL) FROM pg_type
        WHERE typnamespace = 'pg_catalog'::regnamespace AND typtype IN ('b', 'r', 'm') AND typcategory <> 'A'
        AND typname !~ '^pg_(node_tree|ndistinct|dependencies|mcv_list|brin_)|^(gtsvector|aclitem)$'
        ORDER BY oid""")
    return [row[0] for row in rows]


async def test_every_built_in_type_is_what_row_to_json_makes_of_it(
    connection: Connection,
) -> None:
    types = await column_types(connection)
    assert len(types) > 60
    for type_ in types:
        values = await accepted(connection, type_)
        assert values or type_ == "xml", f"no candidate is a value of {type_}"
        rows = ", ".join(f"({number}, {value})" for number, value in enumerate([*values, f"NULL::{type_}"]))
        query = f"SELECT v FROM (VALUES {rows}) t(n, v) ORDER BY n"
        assert await assert_equal_lines(connection, query) == len(values) + 1


async def test_arrays_of_every_built_in_type_are_what_row_to_json_makes_of_them(
    connection: Connection,
) -> None:
    for type_ in await column_types(connection):
        values = await accepted(connection, type_)
        array = f"ARRAY[{', '.join([*values, 'NULL'])}]::{type_}[]"
        await assert_equal_lines(connection, f"SELECT {array} AS v UNION ALL SELECT NULL UNION ALL SELECT '{{}}'")
        await assert_equal_lines(connection, f"SELECT ARRAY[{array}, {array}] AS v")


async def test_one_table_of_all_types_with_nulls_between(connection: Connection) -> None:
    columns = {type_: await accepted(connection, type_) for type_ in await column_types(connection)}
    longest = max(map(len, columns.values()))
    rows = [
        ", ".join(
            f"{values[row % len(values)]}" if values and (row + place) % 3 else f"NULL::{type_}"
            for place, (type_, values) in enumerate(columns.items())
        )
        for row in range(longest)
    ]
    assert await assert_equal_lines(connection, " UNION ALL ".join(f"SELECT {row}" for row in rows)) == longest


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.type)
async def test_hazards_of_each_type(connection: Connection, case: Any) -> None:
    values = [value.replace("\\", "\\\\").replace("'", "''") for value in [*case.values, *case.unfit]]
    try:
        await connection.execute(f"SELECT E'{values[0]}'::{case.type}")
    except (asyncpg.UndefinedObjectError, asyncpg.FeatureNotSupportedError):
        pytest.skip("this server lacks the type")
    rows = ", ".join(f"({number}, E'{value}'::{case.type})" for number, value in enumerate(values))
    await assert_equal_lines(connection, f"SELECT v FROM (VALUES {rows}, (-1, NULL)) t(n, v) ORDER BY n")


async def test_types_of_ones_own(connection: Connection) -> None:
    await connection.execute("""
        CREATE TYPE feeling AS ENUM ('so "so"', E'back\\\\slash');
        CREATE TYPE trio AS (n numeric, note text, feelings feeling[]);
        CREATE DOMAIN whole AS integer CHECK (VALUE >= 0);
        CREATE DOMAIN notes AS json;
    """)
    assert await assert_equal_lines(connection, """
        SELECT 'so "so"'::feeling AS feeling, ARRAY['so "so"', E'back\\\\slash', NULL]::feeling[] AS feelings,
               ROW(1.50, E'a\\n"b"', '{}')::trio AS trio, ARRAY[ROW('NaN', NULL, NULL)::trio, NULL] AS trios,
               5::whole AS whole, ARRAY[5]::whole[] AS wholes, E'{"a":\\n1}'::notes AS notes,
               ROW(1, 'two', ROW(NULL)) AS record, ROW(NULL, NULL, NULL)::trio AS empty
        UNION ALL SELECT E'back\\\\slash', NULL, NULL, '{}', NULL, NULL, NULL, NULL, NULL
    """) == 2  # fmt: skip


@pytest.mark.parametrize(
    "query",
    [
        "SELECT FROM generate_series(1, 3)",
        "SELECT 1 AS n WHERE false",
        "SELECT NULL::text AS t FROM generate_series(1, 3)",
        "SELECT '' AS t FROM generate_series(1, 3)",
        "SELECT '\\.' AS t",
        'SELECT 1 AS a, 2 AS a, 3 AS "a"',
        'SELECT 1 AS "\u00e9\u2028", 2 AS "say ""hi", 3 AS "back\\slash", 4 AS "two\nlines\x01\x7f", 5 AS " "',
        "SELECT 1, 2 AS \"?column?\", 'x' -- a comment at the end",
        "SELECT n, repeat(chr(n + 31), n % 50) AS t, 1 / nullif(n % 7, 0)::float8 AS f FROM generate_series(1, 9000) n",
        "SELECT E'\ufeff' || n AS t FROM generate_series(1, 2) n",
        "SELECT " + ", ".join(f"{number} AS n{number}" for number in range(1600)),
    ],
    ids=[
        "no columns", "no rows", "NULL alone", "empty alone", "end of copy", "duplicate names", "odd names",
        "unnamed", "long", "byte order mark", "widest",
    ],
)  # fmt: skip
async def test_odd_results(connection: Connection, query: str) -> None:
    await assert_equal_lines(connection, query)
