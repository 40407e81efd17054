"""Decodes COPY's CSV into record batches."""

from collections.abc import Sequence

import pyarrow as pa
import pyarrow.csv

from queries.source import Dialect

_BYTE_ORDER_MARK = b"\xef\xbb\xbf"
_DEFAULT = Dialect()


class Decoder:
    """Reads the blocks of one export, each by itself and in any thread; a streaming reader would lose parts of rows.

    A block is whole rows of `COPY … TO STDOUT (FORMAT csv)`, without a header; text that becomes strings must be UTF-8.
    """

    def __init__(self, types: Sequence[pa.DataType], dialect: Dialect = _DEFAULT) -> None:
        """`types` are the columns' types, as pyarrow.csv should read them."""
        self._types = types
        self._names = [f"c{number}" for number in range(len(types))]
        # Larger than any block: the reader has no boundaries inside.
        self._read = pyarrow.csv.ReadOptions(use_threads=False, column_names=self._names, block_size=2**31 - 1)
        self._parse = pyarrow.csv.ParseOptions(
            delimiter=dialect.delimiter,
            newlines_in_values=True,
            # A one-column NULL row is an empty line.
            ignore_empty_lines=False,
        )
        self._convert = pyarrow.csv.ConvertOptions(
            column_types=dict(zip(self._names, types, strict=True)),
            # The source has made sure of it, and a tenth of the work is saved.
            check_utf8=False,
            null_values=[dialect.null],
            true_values=["t"],
            false_values=["f"],
            strings_can_be_null=True,
            quoted_strings_can_be_null=False,
        )

    def decode(self, block: bytes) -> pa.RecordBatch:
        """Return the rows, in columns c0, c1, …: NULL where the CSV has nothing, '' where it has "".

        Raises pyarrow.ArrowInvalid if the block is not whole rows, or a value does not fit its type.
        """
        if not self._types:
            # A row is a newline.
            return pa.RecordBatch.from_struct_array(pa.array([{}] * block.count(b"\n"), pa.struct([])))
        if not block:
            return pa.RecordBatch.from_arrays([pa.array([], type_) for type_ in self._types], names=self._names)
        if block.startswith(_BYTE_ORDER_MARK):
            # The reader takes it for a mark and drops it; here it is the first value's first character.
            block = _BYTE_ORDER_MARK + block
        table = pyarrow.csv.read_csv(pa.BufferReader(block), self._read, self._parse, self._convert)
        return pa.RecordBatch.from_arrays([_whole(column) for column in table.columns], names=self._names)


def _whole(column: pa.ChunkedArray) -> pa.Array:
    return column.chunk(0) if column.num_chunks == 1 else column.combine_chunks()
