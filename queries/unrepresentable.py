"""Values that an Arrow type cannot hold, or that its fast cast cannot read: found by row, refused or made NULL."""

from collections.abc import Callable

import pyarrow as pa
import pyarrow.compute as pc

from queries.types import Column

_SHOWN = 60


class Unrepresentable(Exception):
    """A value that its column's Arrow type cannot hold, in a column whose policy is "error".

    The message is for the log and does not show the value; `detail` is for callers, who may read the row.
    """

    def __init__(self, column: str, row: int, reason: str, value: str = "it") -> None:
        """`row` counts from 0, in the block or, once the block's place is known, in the export."""
        super().__init__(column, row, reason)
        self.column = column
        self.row = row
        self.reason = reason
        self.value = value

    def __str__(self) -> str:
        return f"{self._place}: it {self.reason}"

    @property
    def detail(self) -> str:
        """The text with the value, shortened."""
        shown = self.value if len(self.value) <= _SHOWN else f"{self.value[:_SHOWN]}…"
        return f"{self._place}: {shown} {self.reason}"

    @property
    def _place(self) -> str:
        return f"column {self.column!r}, row {self.row + 1}"

    def after(self, rows: int) -> "Unrepresentable":
        """Return the same error for a row that is `rows` rows further down."""
        return Unrepresentable(self.column, self.row + rows, self.reason, self.value)


def unlike(text: pa.Array, pattern: str) -> pa.Array:
    """Return which values do not match the whole pattern (RE2); false for NULL."""
    return pc.fill_null(pc.invert(pc.match_substring_regex(text, f"^(?:{pattern})$")), False)


def without(array: pa.Array, odd: pa.Array) -> pa.Array:
    """Return the array with NULL for the odd values."""
    return pc.if_else(odd, pa.scalar(None, array.type), array)


def refuse(text: pa.Array, odd: pa.Array, column: Column, reason: str | None = None) -> None:
    """Raise Unrepresentable for the first odd value, unless the column's policy makes it NULL."""
    row = pc.index(odd, True).as_py()
    if row >= 0 and column.policy == "error":
        raise Unrepresentable(column.name, row, reason or f"does not fit {column.arrow_type}", text[row].as_py())


def replaced(
    text: pa.Array, odd: pa.Array, values: pa.Array, column: Column, read: Callable[[str], int | None]
) -> pa.Array:
    """Return the integer `values` with the result of `read` at each odd text; None means that it does not fit."""
    found = [read(value) for value in text.filter(odd).to_pylist()]
    result = pc.replace_with_mask(values, odd, pa.array(found, values.type))
    refuse(text, pc.and_(odd, pc.is_null(result)), column)
    return result
