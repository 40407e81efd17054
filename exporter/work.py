"""The work on the blocks of one export, between the source and the socket."""

from collections.abc import Sequence
from typing import Any

import pyarrow as pa

from exporter.order import Order
from exporter.plan import Plan
from formats.encoder import Layout
from queries.decode import Decoder
from queries.errors import RowsLost
from queries.source import Source
from queries.typed_decoder import TypedDecoder
from queries.types import Column


class Work:
    """Decodes, encodes and compresses. `prepare` may run in several threads at once, the rest runs in order."""

    def __init__(self, order: Order, plan: Plan, source: Source) -> None:
        self.rows = 0
        """Rows written so far; of the CSV layout, which is not taken apart, known only at the end."""
        self._progress = order.progress
        self._decoder = _decoder(order.format.layout, plan.outputs)
        self._encoder = plan.encoder
        self._source = source
        self._bounds = order.bounds
        self._compressor = order.compressor() if order.compressor else None
        self._head = self._encoder.header()
        self.passes_through = self._decoder is None and not self._compressor and source.is_csv
        """Whether the server's bytes are the document's, so that there is no work for a thread."""

    def prepare(self, block: Any) -> tuple[int, Any]:
        """Return how many rows the block has, and what the encoder made of it.

        Raises:
            Unrepresentable: a value does not fit; its row counts from the first of the block.
        """
        csv = self._source.csv(block)
        if self._decoder is None:
            return 0, self._encoder.prepare(csv)
        batch = self._decoder.decode(csv)
        return batch.num_rows, self._encoder.prepare(batch)

    def write(self, prepared: tuple[int, Any]) -> bytes:
        """Return the bytes that are ready after this block.

        Raises:
            Exceeded: there are more rows than there may be.
        """
        rows, item = prepared
        self._bounds.check_rows(self._source.counted)
        chunk = self._encoder.write(item)
        self.rows += rows
        self._progress.rows = self.rows
        return self._emit(chunk) if chunk else b""

    def finish(self) -> bytes:
        """Return the end of the document, once it is certain that no row is missing.

        Raises:
            Exceeded: there are more rows than there may be.
            RowsLost: some are.
        """
        self._bounds.check_rows(self._source.counted)
        if self._decoder is None:
            self.rows = self._progress.rows = self._source.rows or 0
        if self.rows != self._source.rows:
            raise RowsLost(f"the server sent {self._source.rows} rows, {self.rows} were written")
        last = self._emit(self._encoder.finish())
        return last + self._compressor.finish() if self._compressor else last

    def _emit(self, chunk: bytes) -> bytes:
        if self._head:
            chunk, self._head = self._head + chunk, b""
        return self._compressor.compress(chunk) if self._compressor and chunk else chunk


def _decoder(layout: Layout, columns: Sequence[Column]) -> Decoder | TypedDecoder | None:
    """Return what takes blocks apart, or None where they pass as they are."""
    if layout is Layout.CSV:
        return None
    return TypedDecoder(columns) if layout is Layout.TYPED else Decoder([pa.string()] * len(columns))
