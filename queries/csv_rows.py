"""Rows as `COPY … (FORMAT csv)` writes them (PostgreSQL, src/backend/commands/copyto.c)."""

import re
from collections.abc import Callable, Iterable
from typing import TypeAlias

from queries.source import Reading

Row: TypeAlias = Iterable[bytes | None]
"""As many values as there are columns; None is NULL."""


class RowWriter:
    """Writes rows whose values are text already."""

    def __init__(self, reading: Reading) -> None:
        """Take the columns and the dialect."""
        self._delimiter = reading.dialect.delimiter.encode()
        self._value = _value_writer(self._delimiter, reading.dialect.null.encode(), alone=len(reading.columns) == 1)

    def write(self, rows: Iterable[Row]) -> bytes:
        """Return the rows, each with its line feed."""
        value, delimiter = self._value, self._delimiter
        return b"".join([delimiter.join(map(value, row)) + b"\n" for row in rows])


def _value_writer(delimiter: bytes, null: bytes, *, alone: bool) -> Callable[[bytes | None], bytes]:
    """Return the function that writes one value; `alone` means that rows have one column."""
    needs_quotes = re.compile(b'[%b"\r\n]' % re.escape(delimiter)).search

    def write(value: bytes | None) -> bytes:
        if value is None:
            return null
        # A row that is only \. would end the input of old readers; a value like the null string would be one.
        if value == null or needs_quotes(value) or (alone and value == b"\\."):
            return b'"' + value.replace(b'"', b'""') + b'"'
        return value

    return write
