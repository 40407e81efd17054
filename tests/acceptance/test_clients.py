"""Programs that read an export by its URL, as their users call them."""

import io
import urllib.request
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

import duckdb
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

from tests.acceptance.service import Service

NAMES = ["plain", 'with "quotes", and a comma', "", "Zürich 東京 😀"]
PRICES = [Decimal("1.50"), None, Decimal("0.00"), Decimal("-7.25")]


@pytest.fixture
def items(service: Service) -> str:
    return f"{service.url}/datasets/items"


def test_pandas_reads_csv(items: str) -> None:
    frame = pd.read_csv(f"{items}.csv", keep_default_na=False, na_values=[], storage_options={"Accept": "text/csv"})
    assert list(frame["name"]) == NAMES
    assert list(frame["price"]) == ["1.50", "", "0.00", "-7.25"]


def test_pandas_reads_csv_that_was_compressed_on_the_way(items: str) -> None:
    frame = pd.read_csv(f"{items}.csv", storage_options={"Accept-Encoding": "gzip"})
    assert len(frame) == 4


def test_pandas_reads_a_compressed_file(items: str) -> None:
    assert len(pd.read_csv(f"{items}.csv?_compression=gzip", compression="gzip")) == 4


def test_pandas_reads_ndjson(items: str) -> None:
    frame = pd.read_json(f"{items}.ndjson", lines=True)
    assert list(frame["name"]) == NAMES


def test_pandas_reads_parquet(items: str) -> None:
    frame = pd.read_parquet(f"{items}.parquet")
    assert list(frame["name"]) == NAMES
    assert frame["price"].dropna().tolist() == [Decimal("1.50"), Decimal("0.00"), Decimal("-7.25")]


def test_polars_reads_csv(items: str) -> None:
    """Not by its URL alone: polars asks there for a length, which nobody knows before the end of a stream."""
    with urllib.request.urlopen(f"{items}.csv") as response:
        frame = pl.read_csv(response.read())
    assert frame["id"].to_list() == [1, 2, 3, 4]
    assert frame["name"].to_list()[3] == NAMES[3]


def test_polars_reads_ndjson(items: str) -> None:
    with urllib.request.urlopen(f"{items}.ndjson") as response:
        assert pl.read_ndjson(response.read())["name"].to_list() == NAMES


def test_polars_reads_parquet(items: str) -> None:
    with urllib.request.urlopen(f"{items}.parquet") as response:
        frame = pl.read_parquet(io.BytesIO(response.read()))
    assert frame["price"].to_list() == PRICES
    assert frame["made"].to_list()[0] == datetime(2024, 1, 2, 3, 4, 5, tzinfo=UTC)


def test_polars_reads_an_arrow_stream(items: str) -> None:
    with urllib.request.urlopen(f"{items}.arrows") as response:
        assert pl.read_ipc_stream(io.BytesIO(response.read()))["price"].to_list() == PRICES


def test_pyarrow_reads_a_stream_batch_by_batch(service: Service) -> None:
    url = f"{service.url}/datasets/stream.arrows?rows=20000"
    with urllib.request.urlopen(url) as response, pa.ipc.open_stream(response) as batches:
        sizes = [batch.num_rows for batch in batches]
    assert sum(sizes) == 20_000
    assert len(sizes) > 1


@pytest.mark.parametrize(
    ("extension", "query"),
    [
        ("csv", "SELECT name FROM read_csv('{}', allow_quoted_nulls=false) ORDER BY id"),
        ("ndjson", "SELECT name FROM read_json('{}') ORDER BY id"),
        ("parquet", "SELECT name FROM read_parquet('{}') ORDER BY id"),
    ],
)
def test_duckdb_reads_the_stored_file(service: Service, tmp_path: Path, extension: str, query: str) -> None:
    stored = tmp_path / f"items.{extension}"
    stored.write_bytes(service.curl(f"/datasets/items.{extension}").body)
    with duckdb.connect() as connection:
        assert [row[0] for row in connection.sql(query.format(stored)).fetchall()] == NAMES
