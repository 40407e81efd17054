"""Turns arrays, in the text that to_json prints, into Arrow lists."""

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.json

from queries.scalars import scalars
from queries.types import Column, Kind
from queries.unrepresentable import Unrepresentable, refuse, without

# Kinds whose text, and so whose JSON, holds no comma, bracket, quote or backslash.
_SIMPLE = frozenset(
    {
        Kind.BOOLEAN,
        Kind.INTEGER,
        Kind.FLOAT,
        Kind.NUMERIC,
        Kind.OID,
        Kind.DATE,
        Kind.TIME,
        Kind.TIMESTAMP,
        Kind.TIMESTAMPTZ,
        Kind.INTERVAL,
        Kind.UUID,
    }
)
_NESTED = 'has more than one dimension; declare type = "json" for the column to export it as a document'


def lists(text: pa.Array, column: Column, element: Column) -> pa.Array:
    """Return the lists that a string array of JSON arrays holds.

    Raises Unrepresentable for an array of several dimensions and for an element that does not fit. If the policy is
    NULL, the former makes the whole value NULL, the latter only the element.
    """
    nested = pc.fill_null(pc.starts_with(text, "[["), False)
    if pc.any(nested).as_py():
        refuse(text, nested, column, _NESTED)
        text = without(text, nested)
    rows = _split(text) if element.kind in _SIMPLE else _parsed(text)
    values = rows.flatten()
    try:
        elements = scalars(values, element)
    except Unrepresentable as misfit:
        row = pc.list_parent_indices(rows)[misfit.row].as_py()
        raise Unrepresentable(column.name, row, misfit.reason, misfit.value) from None
    return _lists(pc.list_value_length(rows), elements, column.arrow_type)


def _lists(lengths: pa.Array, values: pa.Array, type_: pa.DataType) -> pa.Array:
    ends = pc.cumulative_sum(pc.fill_null(lengths, 0))
    offsets = pa.concat_arrays([pa.array([0], pa.int32()), ends.cast(pa.int32())])
    mask = pc.is_null(lengths) if lengths.null_count else None
    return pa.ListArray.from_arrays(offsets, values, type=type_, mask=mask)


def _split(text: pa.Array) -> pa.Array:
    """Return the elements' texts by row; a list with one empty element is an empty list."""
    rows = pc.split_pattern(pc.ascii_trim(text, characters="[]"), ",")
    values = pc.ascii_trim(rows.flatten(), characters='"')
    lengths = pc.if_else(pc.equal(text, "[]"), 0, pc.list_value_length(rows))
    values = values.filter(pc.not_equal(values, ""))
    return _lists(lengths, without(values, pc.equal(values, "null")), pa.list_(pa.string()))


def _parsed(text: pa.Array) -> pa.Array:
    """Return the elements' texts by row, unescaped by a JSON reader."""
    type_ = pa.list_(pa.string())
    lines = pc.binary_join_element_wise('{"v":', pc.fill_null(text, "null"), "}\n", "")
    body = lines.buffers()[2]
    if body is None or len(lines) == 0:
        return pa.array([], type_)
    table = pyarrow.json.read_json(
        pa.BufferReader(body),
        pyarrow.json.ReadOptions(use_threads=False, block_size=body.size + 1),
        pyarrow.json.ParseOptions(explicit_schema=pa.schema([("v", type_)]), unexpected_field_behavior="error"),
    )
    return pa.concat_arrays(table.column(0).chunks)
