"""Text that is not valid UTF-8: found by column and row, refused or made NULL.

If the client's encoding is the database's, the server sends text as it is stored (`pg_server_to_any` in PostgreSQL's
mbutils.c). In a UTF8 database an old cluster, a faulty extension or a cast without a function may have stored anything;
in an SQL_ASCII database everybody may have.
"""

import struct
from collections.abc import Iterable, Iterator

import pyarrow as pa

from queries.csv_rows import Row, RowWriter
from queries.decode import Decoder
from queries.errors import InvalidText
from queries.source import Reading

_LONG = 1 << 16
"""The size in bytes above which Arrow checks a text, which lets other threads run meanwhile."""


def is_utf8(text: bytes) -> bool:
    """Return whether it is valid UTF-8. A megabyte takes 0.1 ms if it is ASCII, else up to 0.8 ms."""
    return text.isascii() or _is_valid(text)


def _is_valid(text: bytes) -> bool:
    offsets = struct.pack("=qq", 0, len(text))
    value = pa.Array.from_buffers(pa.large_string(), 1, [None, pa.py_buffer(offsets), pa.py_buffer(text)])
    try:
        value.validate(full=True)
    except pa.ArrowInvalid:
        return False
    return True


def mended(csv: bytes, reading: Reading, end: int | None) -> bytes:
    """Return rows of COPY's CSV without a header, with NULL for each value that is not UTF-8. See `mended_rows`."""
    batch = Decoder([pa.binary()] * len(reading.columns), reading.dialect).decode(csv)
    start = None if end is None else end - batch.num_rows
    rows = zip(*(column.to_pylist() for column in batch.columns), strict=True)
    return RowWriter(reading).write(mended_rows(rows, reading, start))


def mended_rows(rows: Iterable[Row], reading: Reading, start: int | None) -> Iterator[Row]:
    """Yield the rows, with NULL for each value that is not UTF-8. Slow, and safe in any thread.

    Args:
        rows: their values, as text.
        reading: their columns.
        start: how many rows of the source come before them, if that is known.

    Raises:
        InvalidText: the policy of such a value's column is "error".
    """
    for number, row in enumerate(rows):
        values = list(row)
        for place, value in enumerate(values):
            if value is not None and not _is_text(value):
                column = reading.columns[place]
                if column.policy == "error":
                    raise InvalidText(column.name, None if start is None else start + number, reading.encoding)
                values[place] = None
        yield values


def _is_text(value: bytes) -> bool:
    if len(value) > _LONG:
        return _is_valid(value)
    try:
        value.decode()
    except UnicodeDecodeError:
        return False
    return True
