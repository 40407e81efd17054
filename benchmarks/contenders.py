"""Everyone who exports: ours, and what people use now."""

from benchmarks.contender import Contender, by_psql, hand_written, once, ours, script
from benchmarks.loading import LINEITEM as TABLE
from benchmarks.loading import MIXED as WIDE

CSV, NDJSON, PARQUET, ARROW = "ours, CSV", "ours, NDJSON", "ours, Parquet zstd", "ours, Arrow stream"
CSV_ONE, NDJSON_ONE, PARQUET_ONE, ARROW_ONE = (f"{name}, one connection" for name in (CSV, NDJSON, PARQUET, ARROW))

PSQL = r"psql \copy csv"
SERVER_ONLY = "server only, COPY csv"
BARE_COPY = "bare COPY csv (asyncpg)"
DUCKDB_CSV, DUCKDB_CSV_QUERY = "DuckDB scan, CSV", "DuckDB postgres_query, CSV"
BY_HAND_CSV = "FastAPI + asyncpg + csv.writer"

ROW_TO_JSON = r"psql \copy row_to_json"
DUCKDB_JSON, DUCKDB_JSON_QUERY = "DuckDB scan, JSON", "DuckDB postgres_query, JSON"
BY_HAND_JSON = "FastAPI + asyncpg + orjson"

DUCKDB, DUCKDB_QUERY = "DuckDB scan, Parquet zstd", "DuckDB postgres_query, Parquet zstd"
CONNECTORX, CONNECTORX_PARTS = "connectorx, Parquet zstd", "connectorx, two partitions, Parquet zstd"
ADBC = "ADBC + pyarrow, Parquet zstd"
POLARS = "polars (connectorx), Parquet zstd"

ADBC_ARROW = "ADBC + pyarrow, Arrow stream"

_SLICE = 250_000
_TEXT = "numerics are strings"
_TEN_DIGITS = "every numeric is decimal(38,10)"


def _duckdb(name: str, table: str, way: str, extension: str, loses: str | None = None) -> Contender:
    return script(name, table, extension, "duckdb_copy", way, extension, loses=loses)


LINEITEM = (
    ours(CSV, TABLE, "csv"),
    ours(CSV_ONE, TABLE, "csv", parallel=1),
    by_psql(PSQL, TABLE, "csv", rf"\copy {TABLE} TO '/dev/null' (FORMAT csv, HEADER)"),
    by_psql(SERVER_ONLY, TABLE, "csv", f"COPY {TABLE} TO '/dev/null' (FORMAT csv, HEADER)"),
    script(BARE_COPY, TABLE, "csv", "bare_copy"),
    _duckdb(DUCKDB_CSV, TABLE, "scan", "csv"),
    once(_duckdb(DUCKDB_CSV_QUERY, TABLE, "postgres_query", "csv")),
    hand_written(BY_HAND_CSV, TABLE, "csv", _SLICE),
    ours(NDJSON, TABLE, "ndjson"),
    ours(NDJSON_ONE, TABLE, "ndjson", parallel=1),
    by_psql(ROW_TO_JSON, TABLE, "ndjson", rf"\copy (SELECT row_to_json(l) FROM {TABLE} l) TO '/dev/null'"),
    _duckdb(DUCKDB_JSON, TABLE, "scan", "ndjson"),
    once(_duckdb(DUCKDB_JSON_QUERY, TABLE, "postgres_query", "ndjson")),
    hand_written(BY_HAND_JSON, TABLE, "ndjson", _SLICE, loses=_TEXT),
    ours(PARQUET, TABLE, "parquet"),
    ours(PARQUET_ONE, TABLE, "parquet", parallel=1),
    _duckdb(DUCKDB, TABLE, "scan", "parquet"),
    _duckdb(DUCKDB_QUERY, TABLE, "postgres_query", "parquet"),
    script(CONNECTORX, TABLE, "parquet", "connectorx_stream", loses=_TEN_DIGITS),
    script(
        *(CONNECTORX_PARTS, TABLE, "parquet", "connectorx_stream", "l_orderkey", "2"),
        loses=_TEN_DIGITS,
    ),
    script(ADBC, TABLE, "parquet", "adbc", "parquet", loses=_TEXT),
    once(script(POLARS, TABLE, "parquet", "polars_frame", loses=_TEN_DIGITS)),
    ours(ARROW, TABLE, "arrows"),
    ours(ARROW_ONE, TABLE, "arrows", parallel=1),
    script(ADBC_ARROW, TABLE, "arrows", "adbc", "arrows", loses=_TEXT),
)
"""All of lineitem."""

_DOUBLE = "numeric without a modifier is a double, jsonb a string"

MIXED = (
    ours(CSV, WIDE, "csv"),
    by_psql(PSQL, WIDE, "csv", rf"\copy {WIDE} TO '/dev/null' (FORMAT csv, HEADER)"),
    _duckdb(DUCKDB_CSV, WIDE, "scan", "csv", _DOUBLE),
    ours(NDJSON, WIDE, "ndjson"),
    by_psql(ROW_TO_JSON, WIDE, "ndjson", rf"\copy (SELECT row_to_json(m) FROM {WIDE} m) TO '/dev/null'"),
    _duckdb(DUCKDB_JSON, WIDE, "scan", "ndjson", _DOUBLE),
    ours(PARQUET, WIDE, "parquet"),
    _duckdb(DUCKDB, WIDE, "scan", "parquet", _DOUBLE),
    ours(ARROW, WIDE, "arrows"),
    script(ADBC_ARROW, WIDE, "arrows", "adbc", "arrows", loses=f"{_TEXT}, inet is its bytes"),
)
"""All of mixed."""
