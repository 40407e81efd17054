"""ADBC, the way its documentation reads a query in batches, into Parquet or an Arrow stream."""

import sys
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
from adbc_driver_postgresql import dbapi

from benchmarks.peers.stopwatch import Stopwatch


def main(url: str, table: str, target: str, extension: str) -> None:
    """Export the table into the file."""
    watch, rows = Stopwatch(), 0
    with dbapi.connect(url) as connection, connection.cursor() as cursor:
        cursor.execute(f"SELECT * FROM {table}")
        reader = cursor.fetch_record_batch()
        with _writer(target, reader.schema, extension) as writer:
            for batch in reader:
                watch.first_byte()
                writer.write_batch(batch)
                rows += batch.num_rows
    watch.report(rows, Path(target).stat().st_size)


def _writer(target: str, schema: pa.Schema, extension: str) -> pq.ParquetWriter | pa.ipc.RecordBatchStreamWriter:
    if extension == "parquet":
        return pq.ParquetWriter(target, schema, compression="zstd")
    return pa.ipc.new_stream(target, schema)


if __name__ == "__main__":
    main(*sys.argv[1:])
