"""Text that a database holds as UTF-8 and that is not: found by column and row, refused or made NULL.

A server whose encoding is the client's sends what it holds as it is (`pg_server_to_any` in PostgreSQL's mbutils.c). An
old cluster, a faulty extension or a cast without a function may have put anything there.
"""

import re
import struct

import pyarrow as pa

from queries.errors import InvalidText
from queries.source import Reading

_ROW = re.compile(rb'(?>[^"\n]+|"[^"]*")*+\n')


def is_utf8(text: bytes) -> bool:
    """Return whether it is, in 0.1 ms for a megabyte of ASCII and up to 0.8 ms for one of other letters."""
    if text.isascii():
        return True
    value = pa.Array.from_buffers(
        pa.large_string(), 1, [None, pa.py_buffer(struct.pack("=qq", 0, len(text))), pa.py_buffer(text)]
    )
    try:
        value.validate(full=True)
    except pa.ArrowInvalid:
        return False
    return True


def mended(csv: bytes, reading: Reading, end: int | None) -> bytes:
    """Return rows of CSV with NULL for each value that is not UTF-8. Slow, and safe in any thread.

    Args:
        csv: whole rows without a header.
        reading: their columns and their dialect.
        end: how many rows of the source there are up to their end, if that is known.

    Raises:
        InvalidText: the policy of such a value's column is "error".
    """
    rows = _ROW.findall(csv)
    field = re.compile(rb'("(?>[^"]+|"")*+"|[^"\n%b]*)[\n%b]' % (2 * (re.escape(reading.dialect.delimiter.encode()),)))
    for number, row in enumerate(rows):
        if not is_utf8(row):
            place = None if end is None else end - len(rows) + number
            rows[number] = _mended(field.findall(row), reading, place)
    return b"".join(rows)


def _mended(values: list[bytes], reading: Reading, row: int | None) -> bytes:
    delimiter, null = reading.dialect.delimiter.encode(), reading.dialect.null.encode()
    for place, (value, column) in enumerate(zip(values, reading.columns, strict=True)):
        if not is_utf8(value):
            if column.policy == "error":
                raise InvalidText(column.name, row)
            values[place] = null
    return delimiter.join(values) + b"\n"
