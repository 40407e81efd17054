"""Text batches to typed batches."""

from collections.abc import Sequence

import pyarrow as pa

from queries.decode import batch
from queries.lists import lists
from queries.odd import Unrepresentable
from queries.scalars import scalars
from queries.types import Column

__all__ = ["Unrepresentable", "typed"]


def typed(columns: Sequence[Column], arrays: Sequence[pa.Array], rows: int) -> pa.RecordBatch:
    """Return a batch with columns c0, c1, … of the columns' Arrow types, from the texts of the typed projection.

    Raises Unrepresentable, its row counted from 0 in this batch, for the first value in the leftmost such column that
    its type cannot hold and whose column's policy is "error".
    """
    return batch([_typed(column, text) for column, text in zip(columns, arrays, strict=True)], rows)


def _typed(column: Column, text: pa.Array) -> pa.Array:
    if column.element is None:
        return scalars(text, column)
    return lists(text, column, column.element)
