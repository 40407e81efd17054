"""Which columns of a Parquet file are worth a dictionary, and which worth statistics."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import pyarrow as pa
import pyarrow.compute as pc

SAMPLE_BYTES = 2 * 2**20
"""How much of the rows is looked at: some at equal distances, for rows that follow one another are alike."""

_RECURRENCE = 4
"""How often the values of a sample must occur, on average, for a dictionary to pay. Plain pages of values that seldom
recur are smaller, and cheaper to write."""


@dataclass(frozen=True, slots=True)
class Choice:
    """Columns by the path of their values in the file's schema."""

    dictionaries: list[str] = field(default_factory=list)
    statistics: list[str] = field(default_factory=list)


def choose(batches: Sequence[pa.RecordBatch]) -> Choice:
    """Choose from the first row group's batches, of which there is at least one.

    Text that has a dictionary has statistics only if equal values stand together: otherwise each row group holds
    nearly all of them, its minimum and maximum rule nothing out, and to find them costs more than to write the text.
    """
    choice = Choice()
    sample = _sample(batches)
    for column, values in zip(sample.schema, map(_values, sample.columns), strict=True):
        recur = _recur(values)
        if recur:
            choice.dictionaries.append(_path(column))
        if not (recur and pa.types.is_string(values.type)) or _together(values):
            choice.statistics.append(_path(column))
    return choice


def _sample(batches: Sequence[pa.RecordBatch]) -> pa.Table:
    step = sum(batch.nbytes for batch in batches) // SAMPLE_BYTES + 1
    return pa.Table.from_batches([batch.take(pa.array(range(0, batch.num_rows, step))) for batch in batches])


def _path(column: pa.Field) -> str:
    return f"{column.name}.list.element" if pa.types.is_list(column.type) else str(column.name)


def _values(column: pa.ChunkedArray) -> pa.Array:
    array = column.combine_chunks()
    if pa.types.is_list(array.type):
        array = array.flatten()
    return array.storage if isinstance(array, pa.ExtensionArray) else array


def _recur(values: pa.Array) -> bool:
    present = len(values) - values.null_count
    return bool(pc.count_distinct(values).as_py() * _RECURRENCE <= present)


def _together(values: pa.Array) -> bool:
    return len(pc.run_end_encode(values).values) <= 2 * len(pc.unique(values))
