"""COPY's CSV to Arrow strings."""

from collections.abc import Sequence

import pyarrow as pa
import pyarrow.csv

_BYTE_ORDER_MARK = b"\xef\xbb\xbf"

_PARSE = pyarrow.csv.ParseOptions(
    newlines_in_values=True,
    # A one-column NULL row is an empty line.
    ignore_empty_lines=False,
)


def parse(block: bytes, width: int) -> list[pa.Array]:
    """Return the block's columns as string arrays of one length: NULL where the CSV has nothing, '' where it has "".

    The block is whole rows of `COPY … TO STDOUT (FORMAT csv)` in UTF-8, without a header. It is parsed alone, because
    a streaming reader loses parts of rows on its own block boundaries. Raises pyarrow.ArrowInvalid if it is not that.
    """
    if width == 0 or not block:
        return [pa.array([], pa.string()) for _ in range(width)]
    # The reader takes a leading U+FEFF for a byte order mark; here it is the first value's first character.
    marked = block.startswith(_BYTE_ORDER_MARK)
    source = b"\n" + block if marked else block
    names = [f"c{number}" for number in range(width)]
    table = pyarrow.csv.read_csv(
        pa.BufferReader(source),
        pyarrow.csv.ReadOptions(
            use_threads=False, column_names=names, block_size=len(source), skip_rows=1 if marked else 0
        ),
        _PARSE,
        pyarrow.csv.ConvertOptions(
            column_types=dict.fromkeys(names, pa.string()),
            # The server has made sure of it (pg_server_to_any in mbutils.c), and a tenth of the work is saved.
            check_utf8=False,
            null_values=[""],
            strings_can_be_null=True,
            quoted_strings_can_be_null=False,
        ),
    )
    return [_whole(column) for column in table.columns]


def count(block: bytes, arrays: Sequence[pa.Array]) -> int:
    """Return the number of rows of a block that was parsed to `arrays`; without columns, each row is one newline."""
    return len(arrays[0]) if arrays else block.count(b"\n")


def batch(arrays: Sequence[pa.Array], rows: int) -> pa.RecordBatch:
    """Return a record batch with the columns c0, c1, …; without columns it still has its rows."""
    if not arrays:
        return pa.RecordBatch.from_struct_array(pa.array([{}] * rows, pa.struct([])))
    return pa.RecordBatch.from_arrays(arrays, names=[f"c{number}" for number in range(len(arrays))])


def _whole(column: pa.ChunkedArray) -> pa.Array:
    return column.chunk(0) if column.num_chunks == 1 else column.combine_chunks()
