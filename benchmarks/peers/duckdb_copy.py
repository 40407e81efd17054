"""DuckDB's postgres extension, the way its documentation copies a table into a file."""

import sys
from pathlib import Path

import duckdb
import duckdb_extension_postgres_scanner

from benchmarks.peers.stopwatch import Stopwatch

_FROM = {
    "scan": "pg.{table}",
    "postgres_query": "postgres_query('pg', 'SELECT * FROM {table}')",
}
_AS = {
    "csv": "(FORMAT csv, HEADER)",
    "ndjson": "(FORMAT json)",
    "parquet": "(FORMAT parquet, COMPRESSION zstd)",
}


def main(url: str, table: str, target: str, way: str, extension: str) -> None:
    """Export the table into the file."""
    (scanner,) = Path(duckdb_extension_postgres_scanner.__file__).parent.glob("extensions/*/*.duckdb_extension")
    watch = Stopwatch()
    with duckdb.connect() as connection:
        connection.execute(f"LOAD '{scanner}'")
        connection.execute(f"ATTACH '{url}' AS pg (TYPE postgres, READ_ONLY)")
        connection.execute(f"COPY (FROM {_FROM[way].format(table=table)}) TO '{target}' {_AS[extension]}")
        ((rows,),) = connection.fetchall()
    watch.report(rows, Path(target).stat().st_size)


if __name__ == "__main__":
    main(*sys.argv[1:])
