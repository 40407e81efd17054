"""The cursor source: a portal read in steps, for servers and poolers without COPY, and as COPY's oracle."""

import re
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from typing import TypeAlias

import asyncpg

from queries.connection import Connection
from queries.errors import translated
from queries.source import Dialect

Argument: TypeAlias = "str | list[str | None] | None"

_FETCH_BYTES = 1 << 18
"""How much text one fetch aims at: the driver decodes it on the event loop, at about a millisecond for this much."""
_FETCH_ROWS = (50, 1000)
"""Rows of the first fetch, and the most of any: rows that suddenly get wide are in memory by the fetch."""


class CursorSource:
    """One open portal whose columns are all text. Its blocks are lists of the driver's records."""

    is_csv = False

    def __init__(self, cursor: "asyncpg.cursor.Cursor[asyncpg.Record]", width: int, dialect: Dialect) -> None:
        self.rows: int | None = None
        self.counted = 0
        self._cursor = cursor
        self._width = width
        self._write = _row_writer(dialect, alone=width == 1)
        self._delimiter = dialect.delimiter

    async def __aiter__(self) -> AsyncIterator[list[asyncpg.Record]]:
        """Yield blocks of about `_FETCH_BYTES`; the row count adapts to the width of the rows before."""
        fewest, most = _FETCH_ROWS
        step = fewest
        while True:
            with translated():
                block = await self._cursor.fetch(step)
            if not block:
                break
            self.counted += len(block)
            yield block
            step = max(1, min(most, step * 4, _FETCH_BYTES // self._widest(block)))
        self.rows = self.counted

    def _widest(self, block: list[asyncpg.Record]) -> int:
        """Return about how wide the block's rows are: the first, the last, and some between."""
        sampled = [*block[:: max(1, len(block) // 8)], block[-1]]
        return max(sum(len(value or "") for value in record.values()) for record in sampled) + self._width + 1

    def csv(self, block: list[asyncpg.Record]) -> bytes:
        """Write the records as `COPY … (FORMAT csv)` does (PostgreSQL, src/backend/commands/copyto.c)."""
        write, delimiter = self._write, self._delimiter
        return b"".join([(delimiter.join(map(write, record)) + "\n").encode() for record in block])


def _row_writer(dialect: Dialect, *, alone: bool) -> Callable[[str | None], str]:
    """Return the function that writes one value; `alone` says that it has its row for itself."""
    needs_quotes = re.compile(f'[{re.escape(dialect.delimiter)}"\r\n]').search
    null = dialect.null

    def write(value: str | None) -> str:
        if value is None:
            return null
        # A row that is only \. would end the input of old readers; a value like the null string would be one.
        if value == null or needs_quotes(value) or (alone and value == "\\."):
            return '"' + value.replace('"', '""') + '"'
        return value

    return write


@asynccontextmanager
async def cursor(
    connection: Connection, sql: str, arguments: Sequence[Argument], dialect: Dialect
) -> AsyncIterator[CursorSource]:
    """Open a portal on a query whose columns are all text, with real binds.

    Args:
        connection: in a transaction, used by nobody else meanwhile; its end closes the portal.
        sql: one statement with `$1`…`$n`.
        arguments: their values as text.
        dialect: how the CSV is written.
    """
    with translated():
        statement = await connection.prepare(sql)
        portal = await statement.cursor(*arguments)
    yield CursorSource(portal, len(statement.get_attributes()), dialect)
