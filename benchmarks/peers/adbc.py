"""ADBC to Parquet, the way its documentation reads a query in batches."""

import sys
from pathlib import Path

import pyarrow.parquet as pq
from adbc_driver_postgresql import dbapi

from benchmarks.peers.stopwatch import Stopwatch


def main(url: str, table: str, target: str) -> None:
    """Export the table into the file."""
    watch, rows = Stopwatch(), 0
    with dbapi.connect(url) as connection, connection.cursor() as cursor:
        cursor.execute(f"SELECT * FROM {table}")
        reader = cursor.fetch_record_batch()
        with pq.ParquetWriter(target, reader.schema, compression="zstd") as writer:
            for batch in reader:
                watch.first_byte()
                writer.write_batch(batch)
                rows += batch.num_rows
    watch.report(rows, Path(target).stat().st_size)


if __name__ == "__main__":
    main(*sys.argv[1:])
