"""COPY's CSV to record batches of the columns' Arrow types."""

from collections.abc import Sequence

import pyarrow as pa

from queries.decimals import DECIMAL128
from queries.decode import Decoder
from queries.lists import lists
from queries.scalars import scalars
from queries.types import Column, Kind

# pyarrow.csv reads the text of these exactly as the kernels do, without making a copy as strings;
_EXACT = frozenset({Kind.BOOLEAN, Kind.INTEGER, Kind.OID, Kind.FLOAT})
# of these it refuses what Arrow's parsers cannot read: NaN in a decimal, infinity, 24:00:00, BC, years of five digits.
_EXACT_OR_REFUSED = _EXACT | {Kind.NUMERIC, Kind.DATE, Kind.TIME, Kind.TIMESTAMP, Kind.TIMESTAMPTZ}


class TypedDecoder:
    """Reads the blocks of one export as batches of the columns' Arrow types, each alone and in any thread."""

    def __init__(self, columns: Sequence[Column]) -> None:
        self._columns = columns
        self._decoder = Decoder([_read_as(column, _EXACT_OR_REFUSED) for column in columns])

    def decode(self, block: bytes) -> pa.RecordBatch:
        """Return the rows of a block of the typed projection's CSV, in columns c0, c1, ….

        Raises Unrepresentable, its row counted from 0 in this block, for the first value in the leftmost such column
        that its type cannot hold and whose column's policy is "error".
        """
        try:
            batch = _checked(self._decoder.decode(block))
        except pa.ArrowInvalid:
            # One such value is seldom alone: from here on the kernels read every column that may have one.
            self._decoder = Decoder([_read_as(column, _EXACT) for column in self._columns])
            batch = self._decoder.decode(block)
        return typed(self._columns, batch)


def typed(columns: Sequence[Column], batch: pa.RecordBatch) -> pa.RecordBatch:
    """Return the batch with those columns that are still text converted to their Arrow types by their kernels.

    Raises Unrepresentable as `TypedDecoder.decode` does.
    """
    arrays = [_typed(column, array) for column, array in zip(columns, batch.columns, strict=True)]
    return pa.RecordBatch.from_arrays(arrays, names=batch.schema.names) if arrays else batch


def _typed(column: Column, array: pa.Array) -> pa.Array:
    if array.type == column.arrow_type:
        return array
    return scalars(array, column) if column.element is None else lists(array, column, column.element)


def _read_as(column: Column, kinds: frozenset[Kind]) -> pa.DataType:
    """Return the type as which pyarrow.csv reads a column: its own if it is one of these kinds, else text."""
    if column.kind not in kinds or (column.kind is Kind.NUMERIC and not _never_wraps(column.arrow_type)):
        return pa.string()
    return column.arrow_type


def _never_wraps(type_: pa.DataType) -> bool:
    """Return whether a decimal keeps its digits until `_checked` sees them.

    pyarrow.csv counts the digits before it appends the zeros of the scale: 12345 becomes a decimal(5,2) of seven
    digits, and beyond 38 of them another number.
    """
    return bool(pa.types.is_decimal128(type_)) and type_.precision + type_.scale <= DECIMAL128


def _checked(batch: pa.RecordBatch) -> pa.RecordBatch:
    """Raise ArrowInvalid for a decimal that has more digits than its type."""
    for array in batch.columns:
        if pa.types.is_decimal(array.type):
            array.validate(full=True)
    return batch
