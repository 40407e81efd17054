"""polars to Parquet, the whole table in memory: `read_database_uri` has no other way."""

import sys
from pathlib import Path

import polars as pl

from benchmarks.peers.address import with_host
from benchmarks.peers.stopwatch import Stopwatch


def main(url: str, table: str, target: str) -> None:
    """Export the table into the file."""
    watch = Stopwatch()
    frame = pl.read_database_uri(f"SELECT * FROM {table}", with_host(url), engine="connectorx")
    frame.write_parquet(target, compression="zstd")
    watch.report(frame.height, Path(target).stat().st_size)


if __name__ == "__main__":
    main(*sys.argv[1:])
