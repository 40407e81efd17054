"""Every typed value equals what the server says of it, for every type and for arrays of every type."""

from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any, cast

import asyncpg
import pyarrow as pa
import pytest

from queries.columns import text_schema
from queries.connection import Connection
from queries.projection import Projection, project
from queries.unrepresentable import Unrepresentable
from tests.integration.reading import SETTINGS, columns_of, read, texts
from tests.integration.typetable import CASES, SCHEMA, Case, plain

pytestmark = pytest.mark.anyio

_BY_TYPE = pytest.mark.parametrize("case", CASES, ids=lambda case: case.type, indirect=True)


@pytest.fixture(scope="module")
async def connection(database_url: str) -> AsyncIterator[Connection]:
    connection = await asyncpg.connect(database_url)
    await connection.execute(f"CREATE SCHEMA typetable; SET search_path = typetable, public; {SCHEMA}")
    yield cast("Connection", connection)
    await connection.close()


@pytest.fixture
async def case(request: pytest.FixtureRequest, connection: Connection) -> Any:
    if request.param.type == "xml":
        try:
            await connection.execute("SELECT '<a/>'::xml")
        except asyncpg.FeatureNotSupportedError:
            pytest.skip("needs a server that was built with libxml")
    return request.param


def _listed(case: Case, *more: Any) -> Any:
    """The query of the case's values, a NULL after the first."""
    first, *others = case.values
    return _rows([first, None, *others, *more], case.type)


def _rows(values: Any, type_: str) -> Any:
    """The query of one value a row, in order."""
    literals = ", ".join(f"({number}, {_literal(value)})" for number, value in enumerate(values))
    return f"SELECT v::{type_} AS v FROM (VALUES {literals}) t(n, v) ORDER BY n"


def _literal(value: Any) -> Any:
    return "NULL::text" if value is None else "E'" + value.replace("\\", "\\\\").replace("'", "''") + "'"


async def _answers(connection: Connection, case: Case, query: str) -> Any:
    await connection.execute(SETTINGS)
    rows = await connection.fetch(f"SELECT CASE WHEN v IS DISTINCT FROM NULL THEN {case.oracle} END FROM ({query}) t")
    return [None if row[0] is None else case.expected(row[0]) for row in rows]


@_BY_TYPE
async def test_a_column_holds_exactly_the_values_of_the_server(connection: Connection, case: Case) -> None:
    query = _listed(case)
    column = (await read(connection, query)).column(0)
    assert column.type == case.arrow
    assert plain(column) == await _answers(connection, case, query)


@_BY_TYPE
async def test_an_array_column_holds_exactly_the_elements_of_the_server(connection: Connection, case: Case) -> None:
    query = _listed(case)
    shapes = ["NULL", "'{}'", "ARRAY[NULL]"]
    arrays = f"SELECT array_agg(v)::{case.type}[] AS v FROM ({query}) t"
    arrays = " UNION ALL ".join([arrays, *(f"SELECT {shape}::{case.type}[]" for shape in shapes)])
    column = (await read(connection, arrays)).column(0)
    if case.arrow == pa.json_() and case.type not in ("json", "jsonb"):
        expected = await connection.fetchval(f"SELECT to_json(array_agg(v))::text FROM ({query}) t")
        assert plain(column) == [expected, None, "[]", "[null]"]
        assert column.type == pa.json_()
    else:
        elements = replace(case, oracle="format('%s', v)") if case.element else case
        assert column.type == pa.list_(case.element or case.arrow)
        assert plain(column) == [await _answers(connection, elements, query), None, [], [None]]


@pytest.mark.parametrize(
    ("case", "value"),
    [pytest.param(case, value, id=f"{case.type}-{value}") for case in CASES for value in case.unfit],
    indirect=["case"],
)
async def test_a_value_that_does_not_fit_is_refused_or_null_never_wrong(
    connection: Connection, case: Case, value: str
) -> None:
    query = _rows([case.values[0], None, value, case.values[-1]], case.type)
    with pytest.raises(Unrepresentable) as refusal:
        await read(connection, query)
    assert (refusal.value.column, refusal.value.row) == ("v", 2)
    expected = await _answers(connection, case, _rows([case.values[0], None, None, case.values[-1]], case.type))
    assert plain((await read(connection, query, policy="null")).column(0)) == expected
    lists = f"SELECT NULL::{case.type}[] AS v UNION ALL SELECT array_agg(v)::{case.type}[] FROM ({query}) t"
    assert plain((await read(connection, lists, policy="null")).column(0)) == [None, expected]
    with pytest.raises(Unrepresentable) as refusal:
        await read(connection, lists)
    assert (refusal.value.column, refusal.value.row) == ("v", 1)


@_BY_TYPE
@pytest.mark.parametrize("projection", Projection)
async def test_the_text_of_every_value_is_the_same_through_copy_and_cursor(
    connection: Connection, case: Case, projection: Any
) -> None:
    query = _listed(case, *case.unfit)
    both = f"SELECT v, ARRAY[v] AS a FROM ({query}) t"
    columns = await columns_of(connection, both)
    batch = await texts(connection, both, columns, projection)
    rows = await connection.fetch(project(both, columns, projection, as_bytes=True))
    fetched = [[None if row[place] is None else row[place].decode() for row in rows] for place in (0, 1)]
    assert [array.to_pylist() for array in batch.columns] == fetched


@_BY_TYPE
async def test_the_text_schema_says_how_json_writes_every_value(connection: Connection, case: Case) -> None:
    query = _listed(case, *case.unfit)
    columns = await columns_of(connection, query)
    (texts_,) = (await texts(connection, query, columns, Projection.TEXT)).columns
    how = text_schema(columns).field(0).metadata[b"json"]
    expected = [row[0] for row in await connection.fetch(f"SELECT to_json(v)::text FROM ({query}) t")]
    assert [None if text is None else _as_json(how, text) for text in texts_.to_pylist()] == expected


def _as_json(how: bytes, text: str) -> str:
    if how == b"text":
        return _escaped(text)
    if how == b"raw" or (how == b"number" and text not in ("NaN", "Infinity", "-Infinity")):
        return text
    written = {
        b"boolean": "true" if text == "t" else "false",
        b"number": f'"{text}"',
        b"plain": f'"{text}"',
        b"bytea": f'"\\{text}"',
        b"timestamp": f'"{text.replace(" ", "T", 1)}"',
        b"timestamptz": f'"{text.replace(" ", "T", 1).replace("+00", "+00:00", 1)}"',
    }
    return written[how]


def _escaped(text: str) -> str:
    escapes = {'"': '\\"', "\\": "\\\\", "\n": "\\n", "\r": "\\r", "\t": "\\t", "\b": "\\b", "\f": "\\f"}
    controls = {chr(code): f"\\u{code:04x}" for code in range(32)}
    return '"' + "".join((controls | escapes).get(char, char) for char in text) + '"'
