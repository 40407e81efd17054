"""Parquet: row groups of a configurable size, each sent as soon as it is full."""

from io import BytesIO
from typing import Literal

import pyarrow as pa
import pyarrow.parquet as pq
from pydantic import Field

from formats.encoder import Format, Layout, Options, UnsupportedSchemaError
from formats.parquet_columns import Choice, choose

ROW_GROUP_BYTES = 24 * 2**20
"""A row group ends early when its rows take this much memory, so that wide rows cannot exhaust it. TPC-H's lineitem
has 22 MB in the 131,072 rows of the default."""

DICTIONARY_BYTES = 256 * 2**10
"""A quarter of Arrow's default: a column whose values turn out to differ gives up its dictionary sooner."""

PAGE_BYTES = 256 * 2**10
"""A quarter of Arrow's default. The writer keeps the last column's buffers, of more than a page, until it begins the
next row group: for as long as a reader stalls."""


class ParquetOptions(Options):
    """How the file is laid out."""

    compression: Literal["zstd", "snappy", "gzip", "brotli", "lz4", "none"] = Field(
        "zstd", description="The codec of the column pages."
    )
    row_group_size: int = Field(
        131_072, ge=1000, le=10_000_000, description="Rows in a row group; fewer where rows are very wide."
    )


class Drain:
    """The file that the writer sees: it only grows, and holds no more than what came since the last `take`."""

    closed = False

    def __init__(self) -> None:
        self._file = BytesIO()

    def write(self, part: bytes) -> int:
        """Keep `part` until it is taken."""
        return self._file.write(part)

    def flush(self) -> None:
        """Do nothing: only `take` empties it."""

    def close(self) -> None:
        """Mark the file as complete; its content can still be taken."""
        self.closed = True

    def take(self) -> bytes:
        """Return and discard what was written since the last call."""
        # `getvalue` does not copy if the buffer is then dropped.
        taken, self._file = self._file.getvalue(), BytesIO()
        return taken


class ParquetEncoder:
    """Collects batches until they fill a row group, then writes it.

    The first group decides which columns have dictionaries. The file's key-value metadata is that of the schema.
    """

    def __init__(self, schema: pa.Schema, options: ParquetOptions) -> None:
        if not schema.names:
            raise UnsupportedSchemaError("Parquet cannot hold rows without columns")
        _check(schema)
        self._schema = schema
        self._compression = options.compression
        self._rows_per_group = options.row_group_size
        self._drain = Drain()
        self._writer: pq.ParquetWriter | None = None
        self._collected: list[pa.RecordBatch] = []
        self._rows = 0
        self._bytes = 0

    def header(self) -> bytes:
        """Return nothing: the magic number comes with the first row group."""
        return b""

    def prepare(self, block: pa.RecordBatch) -> pa.RecordBatch:
        """Return the batch under the names of the schema, whose types it must have."""
        return pa.RecordBatch.from_arrays(block.columns, schema=self._schema)

    def write(self, prepared: pa.RecordBatch) -> bytes:
        """Return the row groups that this batch filled; empty while one is still filling."""
        start = 0
        while start < prepared.num_rows:
            part = prepared.slice(start, self._rows_per_group - self._rows)
            if start:
                # Of its own memory: it may be held while a reader stalls, and the rest of the batch need not.
                part = part.take(pa.array(range(part.num_rows)))
            start += part.num_rows
            self._collect(part)
        return self._drain.take()

    def finish(self) -> bytes:
        """Return the last row group and the footer."""
        self._end_group()
        self._opened().close()
        return self._drain.take()

    def _collect(self, part: pa.RecordBatch) -> None:
        self._collected.append(part)
        self._rows += part.num_rows
        self._bytes += part.nbytes
        if self._rows == self._rows_per_group or self._bytes >= ROW_GROUP_BYTES:
            self._end_group()

    def _end_group(self) -> None:
        if self._rows:
            writer = self._opened()
            table = pa.Table.from_batches(self._collected, self._schema)
            self._collected.clear()
            writer.write_table(table, row_group_size=self._rows)
            self._rows = self._bytes = 0

    def _opened(self) -> pq.ParquetWriter:
        if self._writer is None:
            choice = choose(self._collected) if self._collected else Choice()
            self._writer = _writer(self._drain, self._schema, self._compression, choice)
        return self._writer


def _check(schema: pa.Schema) -> None:
    try:
        _writer(Drain(), schema, "none", Choice())
    except pa.ArrowNotImplementedError as error:
        raise UnsupportedSchemaError(f"Parquet has no type for a column: {error}") from error


def _writer(drain: Drain, schema: pa.Schema, compression: str, choice: Choice) -> pq.ParquetWriter:
    return pq.ParquetWriter(
        drain,
        schema,
        compression=compression,
        use_dictionary=choice.dictionaries,
        write_statistics=choice.statistics,
        dictionary_pagesize_limit=DICTIONARY_BYTES,
        data_page_size=PAGE_BYTES,
        store_decimal_as_integer=True,
    )


FORMAT = Format(
    name="parquet",
    title="Parquet",
    extension="parquet",
    media_types=("application/vnd.apache.parquet",),
    layout=Layout.TYPED,
    options=ParquetOptions,
    encoder=ParquetEncoder,
    compressible=False,
    unique_names=True,
)
