"""Converts the blocks of one export from its source into a document or record batches."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

import pyarrow as pa

from exporter.exports.bounds import Bounds
from exporter.exports.compression import Compressor
from formats.encoder import Encoder, Layout
from queries.decode import Decoder
from queries.errors import RowsLost
from queries.source import Source
from queries.typed_decoder import TypedDecoder
from queries.types import Column

T = TypeVar("T")


@dataclass(slots=True)
class Counts:
    """The counts of an export so far. Each field is written in one place."""

    rows: int = 0
    """Rows converted; for the CSV layout, which is not parsed, known only at the end."""
    bytes: int = 0
    """Bytes delivered."""
    waited: float = 0.0
    """Seconds until it had its turn and its first connection."""
    connections: int = 0
    """Connections used for reading."""


@dataclass(frozen=True, slots=True)
class Reads:
    """What to convert, and what counts it."""

    source: Source
    decoder: Decoder | TypedDecoder | None
    """Parses blocks; None if they pass through unchanged."""
    bounds: Bounds
    counts: Counts


class Conversion(Generic[T]):
    """Decodes blocks and counts their rows.

    `prepare` may run in several threads at once; `write`, and `finish` at the end, run in the order of the rows.
    """

    passes_through = False
    """Whether there is so little work that threads would only add delay."""

    def __init__(self, reads: Reads) -> None:
        """Take what to convert."""
        self._source = reads.source
        self._decoder = reads.decoder
        self._bounds = reads.bounds
        self._counts = reads.counts

    def prepare(self, block: Any) -> tuple[int, Any]:
        """Return the number of rows of a block, and what `write` needs from it.

        Raises:
            Unrepresentable: a value does not fit; rows are numbered from the start of the block.
        """
        csv = self._source.csv(block)
        if self._decoder is None:
            return 0, self._prepared(csv)
        batch = self._decoder.decode(csv)
        return batch.num_rows, self._prepared(batch)

    def write(self, prepared: tuple[int, Any]) -> T:
        """Return the output that is ready after this block.

        Raises:
            Exceeded: there are more rows than allowed.
        """
        rows, item = prepared
        self._bounds.check_rows(self._source.counted)
        written = self._written(item)
        self._counts.rows += rows
        return written

    def finish(self) -> T | None:
        """Check that no row is missing, and return the rest of the output.

        Raises:
            Exceeded: there are more rows than allowed.
            RowsLost: rows are missing.
        """
        self._bounds.check_rows(self._source.counted)
        if self._decoder is None:
            self._counts.rows = self._source.rows or 0
        if self._counts.rows != self._source.rows:
            raise RowsLost(f"the server sent {self._source.rows} rows, {self._counts.rows} were written")
        return self._rest()

    def _prepared(self, decoded: Any) -> Any:
        raise NotImplementedError

    def _written(self, item: Any) -> T:
        raise NotImplementedError

    def _rest(self) -> T | None:
        raise NotImplementedError


class Document(Conversion[bytes]):
    """Encodes and compresses a document. Empty output means that nothing is ready."""

    def __init__(self, reads: Reads, encoder: Encoder, compressor: Compressor | None) -> None:
        super().__init__(reads)
        self._encoder = encoder
        self._compressor = compressor
        self._head = encoder.header()
        self.passes_through = reads.decoder is None and not compressor and reads.source.is_csv

    def _prepared(self, decoded: Any) -> Any:
        return self._encoder.prepare(decoded)

    def _written(self, item: Any) -> bytes:
        chunk = self._encoder.write(item)
        return self._emit(chunk) if chunk else b""

    def _rest(self) -> bytes:
        last = self._emit(self._encoder.finish())
        return last + self._compressor.finish() if self._compressor else last

    def _emit(self, chunk: bytes) -> bytes:
        if self._head:
            chunk, self._head = self._head + chunk, b""
        return self._compressor.compress(chunk) if self._compressor and chunk else chunk


class Batches(Conversion[pa.RecordBatch]):
    """Converts to record batches with a schema."""

    def __init__(self, reads: Reads, schema: pa.Schema) -> None:
        super().__init__(reads)
        self._schema = schema

    def _prepared(self, decoded: pa.RecordBatch) -> pa.RecordBatch:
        if not self._schema.names:
            return decoded
        return pa.RecordBatch.from_arrays(decoded.columns, schema=self._schema)

    def _written(self, item: pa.RecordBatch) -> pa.RecordBatch:
        return item

    def _rest(self) -> None:
        return None


def decoder_of(layout: Layout, columns: Sequence[Column]) -> Decoder | TypedDecoder | None:
    """Return the decoder for a layout, or None if blocks pass through unchanged."""
    if layout is Layout.CSV:
        return None
    return TypedDecoder(columns) if layout is Layout.TYPED else Decoder([pa.string()] * len(columns))
