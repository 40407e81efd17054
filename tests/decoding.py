"""Blocks as COPY writes them, and decoded in both ways: through pyarrow's converters, and by the kernels alone."""

import io
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from queries.decode import Decoder
from queries.typed_decoder import TypedDecoder, typed
from queries.types import Column
from queries.unrepresentable import Unrepresentable
from tests.integration.typetable import plain


def csv(rows: Iterable[Sequence[str | None]]) -> bytes:
    """What COPY … (FORMAT csv) prints: quotes only where they are needed (CopyAttributeOutCSV in copyto.c)."""
    return "".join(",".join(_cell(value, len(row) == 1) for value in row) + "\n" for row in rows).encode()


def _cell(value: str | None, single: bool) -> str:
    if value is None:
        return ""
    needed = value == "" or any(c in '",\r\n' for c in value) or (single and value == "\\.")
    return '"' + value.replace('"', '""') + '"' if needed else value


def decoded(columns: Sequence[Column], block: bytes) -> pa.RecordBatch:
    """Return what the export makes of the block, which is what the kernels alone make of it."""
    decoder = TypedDecoder(columns)
    strings = Decoder([pa.string()] * len(columns))
    by_kernels = _outcome(lambda: typed(columns, strings.decode(block)))
    # The second time it knows what was refused.
    for _ in range(2):
        assert _outcome(lambda: decoder.decode(block)) == by_kernels
    return decoder.decode(block)


def _outcome(decode: Callable[[], pa.RecordBatch]) -> Any:
    try:
        batch = decode()
    except Unrepresentable as refusal:
        return refusal.column, refusal.row, refusal.reason
    batch.validate(full=True)
    return batch.schema, batch.num_rows, [plain(column) for column in batch.columns]


def read(extension: str, body: bytes) -> Any:
    """The rows, without the time of the snapshot."""
    if extension == "parquet":
        return pq.read_table(io.BytesIO(body)).to_pylist()
    return pa.ipc.open_stream(body).read_all().to_pylist() if extension == "arrows" else body
