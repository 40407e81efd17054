"""Three rows of every Arrow type that an export can have."""

import datetime as dt
from collections.abc import Sequence
from decimal import Decimal
from typing import Any
from uuid import UUID

import pyarrow as pa

UTC = dt.UTC
FIVE, LAST = UUID(int=5).bytes, UUID(int=2**128 - 1).bytes
_FIRST, _FINAL = dt.datetime(1, 1, 1, tzinfo=UTC), dt.datetime(9999, 12, 31, 23, 59, 59, 999999, tzinfo=UTC)

COLUMNS: dict[str, tuple[pa.DataType, list[Any]]] = {
    "bool": (pa.bool_(), [True, None, False]),
    "int2": (pa.int16(), [-32768, None, 32767]),
    "int8": (pa.int64(), [-(2**63), None, 2**63 - 1]),
    "oid": (pa.uint32(), [0, None, 2**32 - 1]),
    "xid8": (pa.uint64(), [0, None, 2**64 - 1]),
    "float4": (pa.float32(), [float("nan"), None, -0.0]),
    "float8": (pa.float64(), [float("-inf"), None, 5e-324]),
    "numeric": (pa.decimal128(12, 2), [Decimal("-1.50"), None, Decimal("9999999999.99")]),
    "long": (pa.decimal128(38, 10), [Decimal("0E-10"), None, Decimal("9" * 28 + "." + "9" * 10)]),
    "wide": (pa.decimal256(76, 2), [Decimal("0.01"), None, Decimal("9" * 74 + ".99")]),
    "text": (pa.string(), ["", None, 'é"\n\t\\']),
    "bytea": (pa.binary(), [b"", None, b"\x00\xff"]),
    "date": (pa.date32(), [dt.date(1, 1, 1), None, dt.date(9999, 12, 31)]),
    "timestamp": (pa.timestamp("us"), [_FIRST.replace(tzinfo=None), None, _FINAL.replace(tzinfo=None)]),
    "timestamptz": (
        pa.timestamp("us", "UTC"),
        [dt.datetime(1969, 12, 31, 23, tzinfo=UTC), None, dt.datetime(2024, 2, 29, tzinfo=UTC)],
    ),
    "time": (pa.time64("us"), [dt.time(0, 0), None, dt.time(23, 59, 59, 999999)]),
    "uuid": (pa.uuid(), [FIVE, None, LAST]),
    "json": (pa.json_(pa.string()), ['{"a": 1.0}', None, "null"]),
    "ints": (pa.list_(pa.int32()), [[], None, [1, None]]),
    "uuids": (pa.list_(pa.uuid()), [[], None, [FIVE, None]]),
}

READABLE = {
    "bool": ["true", None, "false"],
    "int2": ["-32768", None, "32767"],
    "int8": ["-9223372036854775808", None, "9223372036854775807"],
    "oid": ["0", None, "4294967295"],
    "xid8": ["0", None, "18446744073709551615"],
    "float4": ["nan", None, "-0.0"],
    "float8": ["-inf", None, "5e-324"],
    "numeric": ["-1.50", None, "9999999999.99"],
    "long": ["0.0000000000", None, "9999999999999999999999999999.9999999999"],
    "text": ["", None, 'é"\n\t\\'],
    "bytea": ["", None, "\\x00\\xFF"],
    "date": ["0001-01-01", None, "9999-12-31"],
    "timestamp": ["0001-01-01 00:00:00", None, "9999-12-31 23:59:59.999999"],
    "timestamptz": ["-3600000000", None, "1709164800000000"],
    "time": ["00:00:00", None, "23:59:59.999999"],
    "uuid": ["00000000-0000-0000-0000-000000000005", None, "ffffffff-ffff-ffff-ffff-ffffffffffff"],
    "json": ['{"a": 1.0}', None, "null"],
    "ints": ["[]", None, "[1, NULL]"],
    "uuids": ["[]", None, "[00000000-0000-0000-0000-000000000005, NULL]"],
}
"""The same as DuckDB prints it, instants as microseconds; without `wide`, which DuckDB has only as a double."""


def typed_rows() -> tuple[pa.Schema, pa.RecordBatch]:
    """Return the schema, and one batch of it under the names that the pipeline gives."""
    schema = pa.schema([(name, type_) for name, (type_, _) in COLUMNS.items()])
    arrays = [_array(type_, values) for type_, values in COLUMNS.values()]
    return schema, pa.RecordBatch.from_arrays(arrays, names=[f"c{number}" for number in range(len(arrays))])


def _array(type_: pa.DataType, values: Sequence[Any]) -> pa.Array:
    if isinstance(type_, pa.BaseExtensionType):
        return pa.ExtensionArray.from_storage(type_, pa.array(values, type_.storage_type))
    if pa.types.is_list(type_) and isinstance(type_.value_type, pa.BaseExtensionType):
        storage = pa.array(values, pa.list_(type_.value_type.storage_type))
        elements = pa.ExtensionArray.from_storage(type_.value_type, storage.values)
        return pa.ListArray.from_arrays(storage.offsets, elements, mask=storage.is_null())
    return pa.array(values, type_)
