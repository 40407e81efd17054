"""The work on the blocks of one export, between the source and the socket."""

from typing import Any

from exporter.order import Order
from exporter.plan import Plan
from formats.encoder import Layout
from queries import decode
from queries.cast import typed
from queries.copy import CopySource
from queries.errors import QueryRejected
from queries.source import Source


class Work:
    """Decodes, encodes and compresses. `prepare` may run in several threads at once, the rest runs in order."""

    def __init__(self, order: Order, plan: Plan, source: Source) -> None:
        self.rows = 0
        """Rows written so far; of the CSV layout, which is not taken apart, known only at the end."""
        self._layout = order.format.layout
        self._columns = plan.outputs
        self._encoder = plan.encoder
        self._source = source
        self._compressor = order.compressor() if order.compressor else None
        self._head = self._encoder.header()
        self.passes_through = self._layout is Layout.CSV and not self._compressor and isinstance(source, CopySource)
        """Whether the server's bytes are the document's, so that there is no work for a thread."""

    def prepare(self, block: Any) -> tuple[int, Any]:
        """Return how many rows the block has, and what the encoder made of it.

        Raises:
            Unrepresentable: a value does not fit; its row counts from the first of the block.
        """
        csv = self._source.csv(block)
        if self._layout is Layout.CSV:
            return 0, self._encoder.prepare(csv)
        arrays = decode.parse(csv, len(self._columns))
        rows = decode.count(csv, arrays)
        batch = typed(self._columns, arrays, rows) if self._layout is Layout.TYPED else decode.batch(arrays, rows)
        return rows, self._encoder.prepare(batch)

    def write(self, prepared: tuple[int, Any]) -> bytes:
        """Return the bytes that are ready after this block."""
        rows, item = prepared
        chunk = self._encoder.write(item)
        self.rows += rows
        return self._emit(chunk) if chunk else b""

    def finish(self) -> bytes:
        """Return the end of the document, once it is certain that no row is missing.

        Raises:
            QueryRejected: rows were lost on the way.
        """
        if self._layout is Layout.CSV:
            self.rows = self._source.rows or 0
        if self.rows != self._source.rows:
            raise QueryRejected(f"the server sent {self._source.rows} rows, {self.rows} were written")
        last = self._emit(self._encoder.finish())
        return last + self._compressor.finish() if self._compressor else last

    def _emit(self, chunk: bytes) -> bytes:
        if self._head:
            chunk, self._head = self._head + chunk, b""
        return self._compressor.compress(chunk) if self._compressor and chunk else chunk
