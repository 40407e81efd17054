"""connectorx to Parquet, as a stream of Arrow batches: one query, or one for each part of a column's values."""

import sys
from pathlib import Path
from typing import Any

import connectorx
import pyarrow.parquet as pq

from benchmarks.peers.address import with_host
from benchmarks.peers.stopwatch import Stopwatch


def main(url: str, table: str, target: str, partition_on: str | None = None, partition_num: str = "1") -> None:
    """Export the table into the file."""
    watch, rows = Stopwatch(), 0
    parts: dict[str, Any] = {"partition_on": partition_on, "partition_num": int(partition_num)} if partition_on else {}
    reader = connectorx.read_sql(with_host(url), f"SELECT * FROM {table}", return_type="arrow_stream", **parts)
    with pq.ParquetWriter(target, reader.schema, compression="zstd") as writer:
        for batch in reader:
            watch.first_byte()
            writer.write_batch(batch)
            rows += batch.num_rows
    watch.report(rows, Path(target).stat().st_size)


if __name__ == "__main__":
    main(*sys.argv[1:])
