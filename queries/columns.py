"""Which Kind and which Arrow type each result column gets: the type table of docs/types.md, as code."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Protocol

import pyarrow as pa

from queries.builtin import BUILTIN
from queries.decimals import declared_decimal
from queries.modifiers import display, numeric_type
from queries.output_settings import ALL
from queries.quoting import quoted
from queries.types import Attribute, Column, Kind, PgType, Policy

JSON_TYPE = pa.json_(pa.string())

_NUMERIC = 1700
_INTERVAL = 1186

_FIXED: Mapping[int, tuple[Kind, pa.DataType]] = {
    16: (Kind.BOOLEAN, pa.bool_()),
    17: (Kind.BYTEA, pa.binary()),
    20: (Kind.INTEGER, pa.int64()),
    21: (Kind.INTEGER, pa.int16()),
    23: (Kind.INTEGER, pa.int32()),
    26: (Kind.OID, pa.uint32()),
    114: (Kind.JSON, JSON_TYPE),
    700: (Kind.FLOAT, pa.float32()),
    701: (Kind.FLOAT, pa.float64()),
    1082: (Kind.DATE, pa.date32()),
    1083: (Kind.TIME, pa.time64("us")),
    1114: (Kind.TIMESTAMP, pa.timestamp("us")),
    1184: (Kind.TIMESTAMPTZ, pa.timestamp("us", "UTC")),
    2950: (Kind.UUID, pa.uuid()),
    3802: (Kind.JSON, JSON_TYPE),
    5069: (Kind.OID, pa.uint64()),
}

# tid xid cid, geometry, network addresses, timetz, bits, txid_snapshot pg_lsn pg_snapshot: their output functions
# never print a quote, a backslash or a control character. Ranges do (they quote what they must).
_PLAIN = frozenset(
    {27, 28, 29, 600, 601, 602, 603, 604, 628, 650, 718, 774, 829, 869, 1266, 1560, 1562, 2970, 3220, 5038}
)

# xml, "char", name, text, bpchar, varchar, text search, jsonpath: what was put in comes out.
_UNCHANGED = frozenset({18, 19, 25, 142, 705, 1042, 1043, 3614, 3615, 4072})

_SETTINGS: Mapping[Kind, frozenset[str]] = {
    Kind.FLOAT: frozenset({"extra_float_digits"}),
    Kind.PLAIN: frozenset({"extra_float_digits"}),
    Kind.DATE: frozenset({"DateStyle"}),
    Kind.TIMESTAMP: frozenset({"DateStyle"}),
    Kind.TIMESTAMPTZ: frozenset({"DateStyle", "TimeZone"}),
    Kind.INTERVAL: frozenset({"IntervalStyle"}),
    Kind.BYTEA: frozenset({"bytea_output"}),
    Kind.TEXT: ALL,
    Kind.DOCUMENT: ALL,
}

# record, record[] and anyarray tell nothing of what is inside.
_OPAQUE = frozenset({2249, 2277, 2287})

_JSON_TEXT: Mapping[Kind, bytes] = {
    Kind.BOOLEAN: b"boolean",
    Kind.INTEGER: b"number",
    Kind.FLOAT: b"number",
    Kind.NUMERIC: b"number",
    Kind.TIMESTAMP: b"timestamp",
    Kind.TIMESTAMPTZ: b"timestamptz",
    Kind.BYTEA: b"bytea",
    Kind.JSON: b"raw",
    Kind.ARRAY: b"raw",
    Kind.DOCUMENT: b"raw",
    Kind.TEXT: b"text",
}


class Override(Protocol):
    """What a dataset declares about one column; None leaves the choice to the type table and to the export."""

    @property
    def type(self) -> str | None:
        """Return `decimal(p,s)`, `double`, `string`, `json` or None."""

    @property
    def on_unrepresentable(self) -> Policy | None:
        """Return the column's own policy or None."""


def resolve(
    attributes: Sequence[Attribute],
    types: Mapping[int, PgType],
    overrides: Mapping[str, Override],
    policy: Policy,
) -> list[Column]:
    """Return the export's columns, in the order of the attributes.

    `types` needs to hold only what `BUILTIN` does not, including the elements and bases of those types. An override
    applies to every column of its name. Raises ValueError, naming the column, for an override that fits no column or
    is not possible for its column's type, and KeyError for a type that is in neither mapping.
    """
    unknown = overrides.keys() - {attribute.name for attribute in attributes}
    if unknown:
        raise ValueError(f"the query has no column {', '.join(repr(name) for name in sorted(unknown))}")
    columns = []
    for attribute in attributes:
        override = overrides.get(attribute.name)
        own_policy = (override.on_unrepresentable if override else None) or policy
        column = _Resolver(types, attribute.name, own_policy).column(attribute)
        columns.append(_overridden(column, override.type) if override and override.type else column)
    return columns


def text_schema(columns: Sequence[Column]) -> pa.Schema:
    """Return the schema of the text layout: strings, with how JSON writes them in each field's `json` metadata."""
    return pa.schema(
        pa.field(column.name, pa.string(), metadata={b"json": _JSON_TEXT.get(column.kind, b"plain")})
        for column in columns
    )


def typed_schema(columns: Sequence[Column]) -> pa.Schema:
    """Return the schema of the typed layout; every column can be NULL."""
    return pa.schema(pa.field(column.name, column.arrow_type) for column in columns)


class _Resolver:
    """Resolves one attribute; holds what its element needs too."""

    def __init__(self, types: Mapping[int, PgType], name: str, policy: Policy) -> None:
        self._types = types
        self._name = name
        self._policy: Policy = policy

    def column(self, attribute: Attribute) -> Column:
        type_ = self._look_up(attribute.oid)
        column = self._resolve(attribute.oid, attribute.modifier)
        # A record has no input function, so its values cannot be cast by themselves.
        if not type_.casts_to_json or type_.type == "p":
            return column
        return replace(column, json_cast=f"{quoted(type_.schema)}.{quoted(type_.name)}")

    def _resolve(self, oid: int, modifier: int) -> Column:
        type_ = self._look_up(oid)
        while type_.type == "d":
            modifier = type_.base_modifier if type_.base_modifier >= 0 else modifier
            type_ = self._look_up(type_.base)
        element = None
        if type_.element and type_.oid not in _OPAQUE:
            element = self._resolve(type_.element, modifier)
            if element.kind is Kind.UUID:
                # pandas reads no list of arrow.uuid.
                element = replace(element, arrow_type=pa.string())
            kind, arrow_type = self._list(element)
            if kind is Kind.DOCUMENT and type_.casts_to_json:
                arrow_type = pa.string()
        else:
            kind, arrow_type = self._scalar(type_, modifier)
        settings = element.settings if element else _settings(type_, kind)
        element = element if pa.types.is_list(arrow_type) else None
        return Column(self._name, display(type_, modifier), kind, arrow_type, element, self._policy, settings)

    def _look_up(self, oid: int) -> PgType:
        return self._types.get(oid) or BUILTIN[oid]

    @staticmethod
    def _list(element: Column) -> tuple[Kind, pa.DataType]:
        if element.kind in (Kind.ARRAY, Kind.DOCUMENT) and element.arrow_type != pa.string():
            return Kind.DOCUMENT, JSON_TYPE
        return Kind.ARRAY, pa.list_(element.arrow_type)

    def _scalar(self, type_: PgType, modifier: int) -> tuple[Kind, pa.DataType]:
        if type_.oid in _FIXED:
            return _FIXED[type_.oid]
        if type_.oid == _NUMERIC:
            return Kind.NUMERIC, numeric_type(modifier)
        if type_.oid == _INTERVAL:
            return Kind.INTERVAL, pa.string()
        if type_.casts_to_json:
            # The cast may leave things out: GeoJSON has no M.
            return Kind.DOCUMENT, pa.string()
        if type_.oid in _OPAQUE or type_.type == "c":
            return Kind.DOCUMENT, JSON_TYPE
        return (Kind.PLAIN if type_.oid in _PLAIN else Kind.TEXT), pa.string()


def _settings(type_: PgType, kind: Kind) -> frozenset[str]:
    unchanged = type_.oid in _UNCHANGED or type_.type == "e"
    return frozenset() if unchanged else _SETTINGS.get(kind, frozenset())


def _overridden(column: Column, wanted: str) -> Column:
    if wanted == "string":
        return replace(column, arrow_type=pa.string(), element=None)
    if wanted == "json" and column.kind in (Kind.ARRAY, Kind.DOCUMENT, Kind.JSON):
        kind = Kind.JSON if column.kind is Kind.JSON else Kind.DOCUMENT
        return replace(column, kind=kind, arrow_type=JSON_TYPE, element=None)
    if column.element is not None:
        element = _overridden(column.element, wanted)
        return replace(column, arrow_type=pa.list_(element.arrow_type), element=element)
    number = pa.float64() if wanted == "double" else declared_decimal(wanted)
    if number is None or column.kind is not Kind.NUMERIC:
        raise ValueError(f"column {column.name!r} is {column.postgres_type} and cannot be exported as {wanted!r}")
    return replace(column, arrow_type=number)
