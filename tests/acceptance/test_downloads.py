"""A download as curl and wget store it."""

import io
import re
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tests.acceptance.service import Service

if TYPE_CHECKING:
    from collections.abc import Callable

FORMATS = {
    "csv": "text/csv; charset=utf-8; header=present",
    "ndjson": "application/x-ndjson",
    "parquet": "application/vnd.apache.parquet",
    "arrows": "application/vnd.apache.arrow.stream",
}

CSV = """\
id,name,price,made
1,plain,1.50,2024-01-02 03:04:05+00
2,"with ""quotes"", and a comma",,
3,"",0.00,1999-12-31 23:59:59.123456+00
4,Zürich 東京 😀,-7.25,2024-02-29 00:00:00+00
"""

NDJSON = """\
{"id":1,"name":"plain","price":1.50,"made":"2024-01-02T03:04:05+00:00"}
{"id":2,"name":"with \\"quotes\\", and a comma","price":null,"made":null}
{"id":3,"name":"","price":0.00,"made":"1999-12-31T23:59:59.123456+00:00"}
{"id":4,"name":"Zürich 東京 😀","price":-7.25,"made":"2024-02-29T00:00:00+00:00"}
"""


@pytest.mark.parametrize(("extension", "content_type"), FORMATS.items())
def test_head_of_a_download(service: Service, extension: str, content_type: str) -> None:
    answer = service.curl(f"/datasets/items.{extension}")
    assert (answer.exit, answer.status) == (0, 200)
    assert answer.headers["content-type"] == content_type
    assert re.fullmatch(
        rf'attachment; filename="items-\d{{4}}-\d\d-\d\d\.{extension}"', answer.headers["content-disposition"]
    )
    assert re.fullmatch(
        "[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}", answer.headers["export-id"]
    )
    assert answer.headers["vary"] == "Accept, Accept-Encoding, Authorization"
    assert answer.headers["accept-ranges"] == "none"
    assert answer.headers["cache-control"] == "no-store"
    assert 'rel="describedby"' in answer.headers["link"]
    assert answer.headers["transfer-encoding"] == "chunked"
    assert "content-length" not in answer.headers
    assert "content-encoding" not in answer.headers


def test_csv_rows(service: Service) -> None:
    assert service.curl("/datasets/items.csv").text == CSV


def test_ndjson_rows(service: Service) -> None:
    assert service.curl("/datasets/items.ndjson").text == NDJSON


def test_parquet_rows_equal_arrow_rows(service: Service) -> None:
    parquet = pq.read_table(io.BytesIO(service.curl("/datasets/items.parquet").body))
    arrow = pa.ipc.open_stream(service.curl("/datasets/items.arrows").body).read_all()
    assert parquet.equals(arrow)
    assert parquet["id"].to_pylist() == [1, 2, 3, 4]
    assert parquet["name"].to_pylist() == ["plain", 'with "quotes", and a comma', "", "Zürich 東京 😀"]
    assert parquet.schema.field("price").type == pa.decimal128(10, 2)
    assert parquet.schema.field("made").type == pa.timestamp("us", "UTC")


@pytest.mark.parametrize("extension", FORMATS)
def test_a_large_table_arrives_whole(service: Service, extension: str) -> None:
    body = service.curl(f"/datasets/big.{extension}").body
    rows: dict[str, Callable[[], int]] = {
        "csv": lambda: body.count(b"\n") - 1,
        "ndjson": lambda: body.count(b"\n"),
        "parquet": lambda: pq.read_metadata(io.BytesIO(body)).num_rows,
        "arrows": lambda: pa.ipc.open_stream(body).read_all().num_rows,
    }
    assert rows[extension]() == 50_000


def test_zero_rows_are_a_whole_document(service: Service) -> None:
    assert service.curl("/datasets/empty.csv").text == "id,name,price,made\n"
    ndjson = service.curl("/datasets/empty.ndjson")
    assert (ndjson.exit, ndjson.status, ndjson.body) == (0, 200, b"")
    parquet = pq.read_table(io.BytesIO(service.curl("/datasets/empty.parquet").body))
    arrow = pa.ipc.open_stream(service.curl("/datasets/empty.arrows").body).read_all()
    assert parquet.num_rows == arrow.num_rows == 0
    assert parquet.schema.names == arrow.schema.names == ["id", "name", "price", "made"]
    assert parquet.schema.field("price").type == arrow.schema.field("price").type == pa.decimal128(10, 2)


@pytest.mark.parametrize("extension", FORMATS)
def test_curl_stores_the_file_under_the_name_it_is_told(service: Service, tmp_path: Path, extension: str) -> None:
    url = f"{service.url}/datasets/series.{extension}?rows=7"
    subprocess.run(["curl", "-sSOJ", "--fail", url], cwd=tmp_path, check=True, timeout=20)
    (stored,) = tmp_path.iterdir()
    assert re.fullmatch(rf"series-7-\d{{4}}-\d\d-\d\d\.{extension}", stored.name)


def test_wget_stores_the_file(service: Service, tmp_path: Path, wget: str) -> None:
    url = f"{service.url}/datasets/items.csv"
    subprocess.run([wget, "-q", "--tries=1", "--content-disposition", url], cwd=tmp_path, check=True, timeout=20)
    (stored,) = tmp_path.iterdir()
    assert stored.name.startswith("items-")
    assert stored.read_text() == CSV


def test_http_2(service: Service) -> None:
    answer = service.curl("/datasets/items.csv", "--http2-prior-knowledge")
    assert (answer.exit, answer.status, answer.text) == (0, 200, CSV)


def test_the_cursor_gives_the_same_bytes(service: Service) -> None:
    copied, fetched = (service.curl(f"/datasets/{name}.csv?rows=20000") for name in ("stream", "fetched"))
    assert copied.body == fetched.body
    assert copied.body.count(b"\n") == 20_001
