"""Which Arrow type each result column gets."""

from dataclasses import dataclass

import pyarrow as pa
import pytest

from queries.columns import resolve, text_schema, typed_schema
from queries.types import Attribute, Column, Kind, PgType, Policy

DOMAIN = PgType(90001, "public", "price", "d", "price", base=1700, base_modifier=((12 << 16) | 4) + 4)
OUTER = PgType(90002, "public", "net", "d", "net", base=90001)
PRICES = PgType(90003, "public", "_net", "b", "net[]", element=90002)
COMPOSITE = PgType(90004, "public", "pair", "c", "pair")
PAIRS = PgType(90005, "public", "_pair", "b", "pair[]", element=90004)
STORE = PgType(90006, "public", "hstore", "b", "hstore", casts_to_json=True)
GRID = PgType(90007, "public", "grid", "d", "grid", base=1007)
GRIDS = PgType(90008, "public", "_grid", "b", "grid[]", element=90007)
JSON_IN_NAME = PgType(90009, "public", "json", "b", "public.json")
STORES = PgType(90010, "public", "_hstore", "b", "hstore[]", element=90006, casts_to_json=True)
SHELF = PgType(90011, "public", "shelf", "c", "shelf", casts_to_json=True)
OPAQUE = (
    PgType(2249, "pg_catalog", "record", "p", "record"),
    PgType(2287, "pg_catalog", "_record", "p", "record[]"),
    PgType(2277, "pg_catalog", "anyarray", "p", "anyarray"),
)
ALL = (DOMAIN, OUTER, PRICES, COMPOSITE, PAIRS, STORE, GRID, GRIDS, JSON_IN_NAME, STORES, SHELF, *OPAQUE)
TYPES = {type_.oid: type_ for type_ in ALL}


@dataclass(frozen=True)
class Declared:
    type: str | None = None
    on_unrepresentable: Policy | None = None


def numeric(precision: int, scale: int) -> int:
    return ((precision << 16) | (scale & 0x7FF)) + 4


def column(oid: int, modifier: int = -1, override: str | None = None) -> Column:
    overrides = {"v": Declared(override)} if override else {}
    return resolve([Attribute("v", oid, modifier)], TYPES, overrides, "error")[0]


@pytest.mark.parametrize(
    ("modifier", "arrow"),
    [
        (-1, pa.string()),
        (numeric(10, 2), pa.decimal128(10, 2)),
        (numeric(38, 38), pa.decimal128(38, 38)),
        (numeric(39, 0), pa.decimal256(39, 0)),
        (numeric(76, 76), pa.decimal256(76, 76)),
        (numeric(77, 0), pa.string()),
        (numeric(1000, -1000), pa.string()),
        (numeric(5, -2), pa.decimal128(7, 0)),
        (numeric(30, -20), pa.decimal256(50, 0)),
        (numeric(70, -7), pa.string()),
        (numeric(3, 5), pa.decimal128(5, 5)),
        (numeric(2, 60), pa.decimal256(60, 60)),
        (numeric(1, 1000), pa.string()),
    ],
)
def test_a_numeric_gets_the_smallest_decimal_that_holds_all_of_it(
    modifier: int, arrow: pa.DataType | pa.Decimal256Type
) -> None:
    assert column(1700, modifier).arrow_type == arrow
    assert column(1231, modifier).arrow_type == pa.list_(arrow)


@pytest.mark.parametrize(
    ("oid", "kind", "arrow"),
    [
        (90001, Kind.NUMERIC, pa.decimal128(12, 4)),
        (90003, Kind.ARRAY, pa.list_(pa.decimal128(12, 4))),
        (90004, Kind.DOCUMENT, pa.json_()),
        (90005, Kind.DOCUMENT, pa.json_()),
        (90006, Kind.DOCUMENT, pa.string()),
        (90010, Kind.ARRAY, pa.list_(pa.string())),
        (90011, Kind.DOCUMENT, pa.string()),
        (90007, Kind.ARRAY, pa.list_(pa.int32())),
        (90008, Kind.DOCUMENT, pa.json_()),
        (90009, Kind.TEXT, pa.string()),
        (2249, Kind.DOCUMENT, pa.json_()),
        (2287, Kind.DOCUMENT, pa.json_()),
        (2277, Kind.DOCUMENT, pa.json_()),
        (22, Kind.ARRAY, pa.list_(pa.int16())),
        (199, Kind.ARRAY, pa.list_(pa.json_())),
    ],
)
def test_domains_composites_and_arrays_of_them_resolve_to_what_they_hold(
    oid: int, kind: Kind, arrow: pa.DataType | pa.JsonType
) -> None:
    resolved = column(oid)
    assert (resolved.kind, resolved.arrow_type) == (kind, arrow)
    assert (resolved.element is not None) == (kind is Kind.ARRAY)


def test_what_few_readers_know_is_text() -> None:
    assert column(1186).arrow_type == pa.string()
    assert column(1187).arrow_type == column(2951).arrow_type == pa.list_(pa.string())


@pytest.mark.parametrize(
    ("oid", "modifier", "display"),
    [
        (1700, numeric(10, 2), "numeric(10,2)"),
        (1700, numeric(5, -2), "numeric(5,-2)"),
        (1231, numeric(10, 2), "numeric(10,2)[]"),
        (1043, 24, "character varying(20)"),
        (1042, 12, "character(8)"),
        (1114, 3, "timestamp(3) without time zone"),
        (1184, 0, "timestamp(0) with time zone"),
        (1183, 2, "time(2) without time zone[]"),
        (1560, 5, "bit(5)"),
        (1186, 123456, "interval"),
        (23, -1, "integer"),
        (90003, -1, "net[]"),
    ],
)
def test_a_type_is_named_as_people_know_it(oid: int, modifier: int, display: str) -> None:
    assert column(oid, modifier).postgres_type == display


@pytest.mark.parametrize(
    ("oid", "override", "kind", "arrow"),
    [
        (1700, "decimal(20,4)", Kind.NUMERIC, pa.decimal128(20, 4)),
        (1700, "decimal(60, 30)", Kind.NUMERIC, pa.decimal256(60, 30)),
        (1700, "double", Kind.NUMERIC, pa.float64()),
        (1231, "double", Kind.ARRAY, pa.list_(pa.float64())),
        (1700, "string", Kind.NUMERIC, pa.string()),
        (1007, "string", Kind.ARRAY, pa.string()),
        (1007, "json", Kind.DOCUMENT, pa.json_()),
        (114, "json", Kind.JSON, pa.json_()),
        (90004, "string", Kind.DOCUMENT, pa.string()),
        (90006, "json", Kind.DOCUMENT, pa.json_()),
        (90010, "json", Kind.DOCUMENT, pa.json_()),
    ],
)
def test_a_dataset_may_choose_another_type(
    oid: int, override: str, kind: Kind, arrow: pa.DataType | pa.Decimal256Type | pa.JsonType
) -> None:
    resolved = column(oid, override=override)
    assert (resolved.kind, resolved.arrow_type) == (kind, arrow)


@pytest.mark.parametrize(
    ("oid", "override"),
    [
        (25, "json"),
        (25, "double"),
        (20, "double"),
        (701, "decimal(5,2)"),
        (1009, "double"),
        (90004, "decimal(5,2)"),
        (1700, "json"),
        (1700, "decimal(77,0)"),
        (1700, "decimal(0,0)"),
        (1700, "decimal(5,6)"),
        (1700, "decimal(5)"),
        (1700, "decimal(\u0663,1)"),
        (1700, "varchar"),
    ],
)
def test_a_choice_that_does_not_fit_names_the_column(oid: int, override: str) -> None:
    with pytest.raises(ValueError, match="column 'v'"):
        column(oid, override=override)


def test_a_choice_for_a_column_that_does_not_exist_is_an_error() -> None:
    with pytest.raises(ValueError, match="'other'"):
        resolve([Attribute("v", 25)], {}, {"other": Declared("string")}, "error")


def test_a_column_may_have_a_policy_of_its_own_and_its_elements_share_it() -> None:
    attributes = [Attribute("a", 1182), Attribute("b", 1182)]
    overrides = {"b": Declared(on_unrepresentable="null")}
    a, b = resolve(attributes, {}, overrides, "error")
    assert (a.policy, b.policy) == ("error", "null")
    assert b.element is not None
    assert b.element.policy == "null"


def test_an_unknown_type_is_an_error_rather_than_a_guess() -> None:
    with pytest.raises(KeyError):
        column(99999)


def test_the_schemas_keep_names_order_and_duplicates() -> None:
    columns = resolve([Attribute("a", 23), Attribute("a", 25)], {}, {}, "error")
    assert typed_schema(columns) == pa.schema([("a", pa.int32()), ("a", pa.string())])
    assert [(f.name, f.type, f.metadata) for f in text_schema(columns)] == [
        ("a", pa.string(), {b"json": b"number"}),
        ("a", pa.string(), {b"json": b"text"}),
    ]


@pytest.mark.parametrize(("override", "how"), [("string", b"number"), ("double", b"number"), (None, b"number")])
def test_how_json_writes_a_value_does_not_depend_on_its_arrow_type(override: str | None, how: bytes) -> None:
    assert text_schema([column(1700, override=override)]).field(0).metadata == {b"json": how}
