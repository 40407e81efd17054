"""What the wrapping SELECT keeps and changes, on a real server."""

from dataclasses import replace
from typing import Any

import asyncpg
import pyarrow as pa
import pytest

from queries.builtin import BUILTIN
from queries.connection import Connection
from queries.describe import look_up
from queries.projection import Projection, project
from queries.unrepresentable import Unrepresentable
from tests.decoding import decoded
from tests.integration.reading import Declared, columns_of, copied, read, texts
from tests.integration.typetable import plain

pytestmark = pytest.mark.anyio

MATRIX = "SELECT '{{1,2},{3,NULL}}'::int[] AS v UNION ALL SELECT '{5}' UNION ALL SELECT NULL"


async def column(connection: Connection, query: str, **how: Any) -> Any:
    return (await read(connection, query, **how)).column(0)


async def test_an_array_of_two_dimensions_is_refused_with_the_advice_that_helps(
    connection: Connection,
) -> None:
    with pytest.raises(Unrepresentable, match=r"column 'v', row 1: .*type = \"json\""):
        await read(connection, MATRIX)


async def test_an_array_of_two_dimensions_becomes_null_where_the_policy_says_so(
    connection: Connection,
) -> None:
    assert plain(await column(connection, MATRIX, policy="null")) == [None, [5], None]


async def test_arrays_of_any_dimensions_can_be_documents(connection: Connection) -> None:
    documents = await column(connection, MATRIX, overrides={"v": Declared(type="json")})
    assert documents.type == pa.json_()
    assert plain(documents) == ["[[1,2],[3,null]]", "[5]", None]


async def test_text_elements_that_look_like_nesting_stay_text(connection: Connection) -> None:
    query = """SELECT ARRAY['[[', '["a"', '', 'null', ','] AS v UNION ALL SELECT ARRAY['[']"""
    assert plain(await column(connection, query)) == [["[[", '["a"', "", "null", ","], ["["]]


async def test_a_nested_array_of_text_is_refused(connection: Connection) -> None:
    with pytest.raises(Unrepresentable):
        await read(connection, "SELECT ARRAY[ARRAY['a'], ARRAY['b']] AS v")


async def test_json_elements_are_documents_and_a_json_null_is_no_null(
    connection: Connection,
) -> None:
    query = """SELECT ARRAY['{"a":[1,"x"]}', NULL, 'null', '"s"', ' [1] ']::json[] AS v"""
    assert plain(await column(connection, query)) == [['{"a":[1,"x"]}', None, "null", '"s"', " [1] "]]


async def test_an_override_reads_numbers_as_decimals_and_refuses_what_would_be_rounded(
    connection: Connection,
) -> None:
    query = "SELECT unnest(ARRAY[1.5, NULL, 12345678.90000, -0.01])::numeric AS v"
    overrides = {"v": Declared(type="decimal(10,2)")}
    decimals = await column(connection, query, overrides=overrides)
    assert decimals.type == pa.decimal128(10, 2)
    assert [None if value is None else str(value) for value in plain(decimals)] == [
        "1.50",
        None,
        "12345678.90",
        "-0.01",
    ]
    for wrong in ["1.005", "123456789", "'NaN'", "'-Infinity'", "1e40"]:
        both = f"{query} UNION ALL SELECT {wrong}::numeric"
        with pytest.raises(Unrepresentable) as refusal:
            await read(connection, both, overrides=overrides)
        assert refusal.value.row == 4
        assert plain(await column(connection, both, overrides=overrides, policy="null")) == [*plain(decimals), None]


async def test_an_override_reads_numbers_as_the_nearest_doubles(connection: Connection) -> None:
    query = (
        "SELECT unnest(ARRAY['0.1', 'NaN', '-Infinity', '1e-400', NULL, '123456789012345678901234567890']::numeric[]) v"
    )
    overrides = {"v": Declared(type="double", on_unrepresentable="null")}
    assert str(plain(await column(connection, query, overrides=overrides))) == str(
        plain(pa.array([0.1, float("nan"), float("-inf"), 0.0, None, 123456789012345678901234567890.0]))
    )
    huge = "SELECT unnest(ARRAY[1e400, -1e400, 1]) AS v"
    assert plain(await column(connection, huge, overrides=overrides)) == [None, None, plain(pa.array([1.0]))[0]]
    with pytest.raises(Unrepresentable):
        await read(connection, huge, overrides={"v": Declared(type="double")})


async def test_an_override_of_an_array_counts_for_its_elements(connection: Connection) -> None:
    query = "SELECT ARRAY[1.5, NULL, 2] AS v"
    decimals = await column(connection, query, overrides={"v": Declared(type="decimal(4,1)")})
    assert decimals.type == pa.list_(pa.decimal128(4, 1))
    assert [str(value) for value in plain(decimals)[0]] == ["1.5", "None", "2.0"]


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("'{{1,2},{3,4}}'::int[]", "{{1,2},{3,4}}"),
        ("ROW(1,'a b')", '(1,"a b")'),
        ("'infinity'::date", "infinity"),
        ("'\\x00'::bytea", "\\x00"),
    ],
)
async def test_an_override_reads_any_type_as_the_text_of_the_server(
    connection: Connection, value: Any, text: Any
) -> None:
    strings = await column(connection, f"SELECT {value} AS v", overrides={"v": Declared(type="string")})
    assert (strings.type, plain(strings)) == (pa.string(), [text])


@pytest.mark.parametrize(
    ("value", "document"),
    [
        ("ROW(1, NULL, 'a\"b')", '{"f1":1,"f2":null,"f3":"a\\"b"}'),
        ("ARRAY[ROW(1, 2), NULL]", '[{"f1":1,"f2":2},null]'),
        ("'1 2 3'::int2vector", None),
        ("ARRAY['1 2'::int2vector]", "[[1,2]]"),
        ("(SELECT most_common_vals FROM pg_stats WHERE most_common_vals IS NOT NULL LIMIT 1)", ...),
    ],
)
async def test_what_is_no_flat_list_is_the_document_of_to_json(
    connection: Connection, value: Any, document: Any
) -> None:
    await connection.execute("ANALYZE pg_class")
    query = f"SELECT {value} AS v"
    if document is ...:
        document = await connection.fetchval(f"SELECT to_json(v)::text FROM ({query}) t")
    # Without the declaration a record is a string wherever the database has a type with a cast to json.
    declared = {} if document is None else {"v": Declared(type="json")}
    assert plain(await column(connection, query, overrides=declared)) == [[1, 2, 3] if document is None else document]


async def test_domains_count_as_what_they_stand_for_inside_arrays_too(
    connection: Connection,
) -> None:
    await connection.execute("CREATE DOMAIN cents AS numeric(8,2); CREATE DOMAIN grid AS int[]")
    assert (await column(connection, "SELECT ARRAY[1.5::cents] AS v")).type == pa.list_(pa.decimal128(8, 2))
    assert plain(await column(connection, "SELECT '{1,2}'::grid AS v")) == [[1, 2]]
    assert plain(await column(connection, "SELECT ARRAY['{1,2}'::grid] AS v")) == ["[[1,2]]"]


async def test_extension_types_are_text_and_documents_only_if_declared(
    connection: Connection,
) -> None:
    for extension in ("hstore", "citext"):
        try:
            await connection.execute(f"CREATE EXTENSION {extension}")
        except asyncpg.FeatureNotSupportedError:
            pytest.skip(f"needs a server that has {extension}")
    query = """SELECT 'a=>1, b=>NULL'::hstore AS a, ARRAY['a=>1'::hstore] AS b, 'a=>1, b=>NULL'::hstore AS c,
                      ARRAY['a=>1'::hstore] AS d, 'É,'::citext AS e, '{x,"y,"}'::citext[] AS f"""
    batch = await read(connection, query, overrides={name: Declared(type="json") for name in ("c", "d")})
    assert [plain(array) for array in batch.columns] == [
        ['"a"=>"1", "b"=>NULL'],
        [['"a"=>"1"']],
        ['{"a": "1", "b": null}'],
        ['[{"a": "1"}]'],
        ["É,"],
        [["x", "y,"]],
    ]


async def test_intervals_are_text(connection: Connection) -> None:
    query = "SELECT '1 mon -2 days'::interval AS v, ARRAY['1 day'::interval] AS a"
    batch = await read(connection, query)
    assert [plain(batch.column(0)), plain(batch.column(1))] == [["P1M-2D"], [["P1D"]]]


async def test_a_query_keeps_its_order_its_comment_and_its_duplicate_names(
    connection: Connection,
) -> None:
    query = "SELECT n AS a, -n AS a FROM generate_series(1, 1000) n ORDER BY n DESC -- newest first"
    columns = await columns_of(connection, query)
    batch = await texts(connection, query, columns, Projection.CSV, limit=3)
    assert [array.to_pylist() for array in batch.columns] == [["1000", "999", "998"], ["-1000", "-999", "-998"]]


async def test_chosen_columns_come_in_the_chosen_order_with_their_own_names(
    connection: Connection,
) -> None:
    query = 'SELECT 1 AS a, 2 AS "b ""c""", 3 AS d'
    columns = await columns_of(connection, query)
    (record,) = await connection.fetch(project(query, columns, Projection.CSV, chosen=[2, 1]))
    assert list(record.items()) == [("d", 3), ('b "c"', 2)]


@pytest.mark.parametrize("query", ["SELECT FROM generate_series(1, 5)", "SELECT 1 AS a FROM generate_series(1, 5)"])
async def test_rows_without_columns_are_counted(connection: Connection, query: str) -> None:
    columns = await columns_of(connection, query)
    block = await copied(connection, query, columns, Projection.TYPED, chosen=[], limit=4)
    assert decoded([], block).num_rows == 4


async def test_as_many_columns_as_a_table_can_have_work_in_every_way(
    connection: Connection,
) -> None:
    query = "SELECT " + ", ".join(f"{number} AS column_{number}, NULL::int[]" for number in range(800))
    columns = await columns_of(connection, query)
    batch = await read(connection, query)
    assert (batch.num_columns, batch.column(1598).to_pylist()) == (1600, [799])
    (record,) = await connection.fetch(project(query, columns, Projection.TEXT, as_bytes=True))
    assert len(record) == 1600


async def test_a_composite_whose_fields_are_null_is_no_null(connection: Connection) -> None:
    query = "SELECT ROW(NULL) AS v UNION ALL SELECT NULL"
    columns = await columns_of(connection, query)
    rows = await connection.fetch(project(query, columns, Projection.TYPED, as_bytes=True))
    assert [row[0] is None for row in rows] == [False, True]
    assert plain(await column(connection, query, overrides={"v": Declared(type="json")})) == ['{"f1":null}', None]


@pytest.mark.parametrize(
    ("type_", "step", "epoch"),
    [
        ("date", "107471", 10_957),
        ("timestamp", "interval '5471 days 11:22:33.456789'", 946_684_800_000_000),
        ("timestamptz", "interval '5471 days 11:22:33.456789'", 946_684_800_000_000),
    ],
)
async def test_moments_of_all_the_eras_are_exact(connection: Connection, type_: str, step: Any, epoch: Any) -> None:
    await connection.execute("SET TimeZone = 'UTC'")
    query = f"SELECT '4714-11-24 BC'::{type_} + n * {step} AS v FROM generate_series(0, 19900) n ORDER BY n"
    sent = await connection.fetch(f"SELECT {type_}_send(v) FROM ({query}) t")
    expected = [int.from_bytes(row[0], "big", signed=True) + epoch for row in sent]
    assert plain(await column(connection, query, policy="null")) == [
        value if value < 2**63 else None for value in expected
    ]


async def test_the_built_in_types_are_those_of_the_server(connection: Connection) -> None:
    found = await look_up(connection, BUILTIN.keys())
    assert found.keys() == BUILTIN.keys()
    # The look-up calls no vector of fixed length an array, though both have elements.
    found |= {oid: replace(found[oid], element=BUILTIN[oid].element) for oid in (22, 30)}
    assert found == BUILTIN
