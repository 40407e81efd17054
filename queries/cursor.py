"""The cursor source: a portal read in steps, for servers and poolers without COPY; tests compare COPY with it."""

from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from functools import partial
from typing import NamedTuple

import asyncpg

from queries.connection import Connection
from queries.csv_rows import Row, RowWriter
from queries.declaration import Value
from queries.errors import translated
from queries.json_casts import documents
from queries.output_settings import expected_values, verify
from queries.source import Reading
from queries.utf8 import is_utf8, mended_rows

_FETCH_BYTES = 1 << 18
"""The target size of one fetch: the driver decodes as much on the event loop in about a millisecond."""
_FETCH_ROWS = (50, 1000)
"""The rows of the first fetch, and the maximum: rows that suddenly get wide are in memory a fetch at a time."""


class Fetched(NamedTuple):
    """A block of rows."""

    end: int
    """How many rows there are up to its end."""
    rows: Sequence[Row]


class CursorSource:
    """One open portal whose columns are bytes of text."""

    is_csv = False

    def __init__(
        self,
        cursor: "asyncpg.cursor.Cursor[asyncpg.Record]",
        connection: Connection,
        reading: Reading,
        verify: Callable[[], Awaitable[None]],
    ) -> None:
        """`verify` is called after the last row."""
        self.rows: int | None = None
        self.counted = 0
        self._cursor = cursor
        self._connection = connection
        self._reading = reading
        self._verify = verify
        self._writer = RowWriter(reading)

    async def __aiter__(self) -> AsyncIterator[Fetched]:
        """Yield blocks of about `_FETCH_BYTES`; the row count adapts to the width of the rows before."""
        fewest, most = _FETCH_ROWS
        step = fewest
        while True:
            with translated():
                block = await self._cursor.fetch(step)
            if not block:
                break
            self.counted += len(block)
            yield Fetched(self.counted, await self._cast(block) if self._reading.casts else block)
            step = max(1, min(most, step * 4, _FETCH_BYTES // self._widest(block)))
        await self._verify()
        self.rows = self.counted

    async def _cast(self, block: list[asyncpg.Record]) -> Sequence[Row]:
        columns: list[Sequence[bytes | None]] = list(zip(*block, strict=True))
        for place, type_ in self._reading.casts.items():
            columns[place] = await documents(self._connection, type_, columns[place])
        return list(zip(*columns, strict=True))

    def _widest(self, block: list[asyncpg.Record]) -> int:
        """Return about how wide the block's rows are: the first, the last, and some between."""
        sampled = [*block[:: max(1, len(block) // 8)], block[-1]]
        return max(sum(len(value or b"") for value in record.values()) for record in sampled) + len(block[0]) + 1

    def csv(self, block: Fetched) -> bytes:
        """Write the rows as COPY does.

        Raises:
            InvalidText: a value is not UTF-8, and the policy of its column is "error".
        """
        csv = self._writer.write(block.rows)
        if is_utf8(csv):
            return csv
        return self._writer.write(mended_rows(block.rows, self._reading, block.end - len(block.rows)))


@asynccontextmanager
async def cursor(
    connection: Connection, sql: str, arguments: Sequence[Value], reading: Reading
) -> AsyncIterator[CursorSource]:
    """Open a portal on a query whose columns are all bytes.

    Args:
        connection: in a transaction, used by nobody else meanwhile; its end closes the portal.
        sql: one statement with `$1`…`$n`.
        arguments: their values as text.
        reading: what it returns.
    """
    written = await expected_values(connection, reading.settings)
    with translated():
        statement = await connection.prepare(sql)
        portal = await statement.cursor(*arguments)
    yield CursorSource(portal, connection, reading, partial(verify, connection, written))
