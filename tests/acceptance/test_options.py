"""Options of an export: the names in the query string that begin with an underscore."""

import io
import subprocess
from pathlib import Path
from urllib.parse import quote

import pyarrow.parquet as pq
import pytest

from tests.acceptance.service import Service


def test_columns_in_the_order_asked_for(service: Service) -> None:
    assert service.curl("/datasets/items.csv?_columns=price,id&_limit=1").text == "price,id\n1.50,1\n"
    assert service.curl("/datasets/items.ndjson?_columns=price,id&_limit=1").text == '{"price":1.50,"id":1}\n'
    table = pq.read_table(io.BytesIO(service.curl("/datasets/items.parquet?_columns=price,id").body))
    assert table.schema.names == ["price", "id"]


def test_limit(service: Service) -> None:
    assert service.curl("/datasets/items.ndjson?_limit=2").body.count(b"\n") == 2
    assert service.curl("/datasets/items.csv?_limit=0").text == "id,name,price,made\n"
    assert service.curl("/datasets/items.csv?_limit=999999999999").body.count(b"\n") == 5


@pytest.mark.parametrize(
    ("query", "text"),
    [
        ("_header=off", '1,plain,1.50\n2,"with ""quotes"", and a comma",\n'),
        ("_delimiter=%3B", 'id;name;price\n1;plain;1.50\n2;"with ""quotes"", and a comma";\n'),
        ("_delimiter=%09", 'id\tname\tprice\n1\tplain\t1.50\n2\t"with ""quotes"", and a comma"\t\n'),
        ("_null=NULL", 'id,name,price\n1,plain,1.50\n2,"with ""quotes"", and a comma",NULL\n'),
        ("_null=plain", 'id,name,price\n1,"plain",1.50\n2,"with ""quotes"", and a comma",plain\n'),
        ("_profile=excel", '\ufeffid,name,price\n1,plain,1.50\n2,"with ""quotes"", and a comma",\n'),
    ],
)  # fmt: skip
def test_csv_dialect(service: Service, query: str, text: str) -> None:
    assert service.curl(f"/datasets/items.csv?_columns=id,name,price&_limit=2&{query}").text == text


def test_content_type_says_that_there_is_no_header(service: Service) -> None:
    answer = service.curl("/datasets/items.csv?_header=off")
    assert answer.headers["content-type"] == "text/csv; charset=utf-8; header=absent"


@pytest.mark.parametrize("codec", ["snappy", "gzip", "none"])
def test_parquet_codec(service: Service, codec: str) -> None:
    body = service.curl(f"/datasets/items.parquet?_compression={codec}").body
    column = pq.read_metadata(io.BytesIO(body)).row_group(0).column(0)
    assert column.compression == {"none": "UNCOMPRESSED"}.get(codec, codec.upper())


def test_parquet_row_groups(service: Service) -> None:
    metadata = pq.read_metadata(io.BytesIO(service.curl("/datasets/big.parquet?_row_group_size=10000").body))
    assert [metadata.row_group(number).num_rows for number in range(metadata.num_row_groups)] == [10_000] * 5


@pytest.mark.parametrize(
    ("wanted", "stored"),
    [
        ("report", "report.csv"),
        ("report.csv", "report.csv"),
        ("Übersicht 東京", "Übersicht 東京.csv"),
        ("../../etc/passwd", "_.._etc_passwd.csv"),
        ("C:\\temp\\x", "C__temp_x.csv"),
        ('say "hi"', "say _hi_.csv"),
        ("a\r\nSet-Cookie: b=c", "a__Set-Cookie_ b=c.csv"),
        ("..", "export.csv"),
        (".hidden", "hidden.csv"),
        ("100%", "100%.csv"),
        ("-rf", "rf.csv"),
        ("CON", "CON_.csv"),
        ("com1.txt", "com1_.txt.csv"),
        ("console", "console.csv"),
        ("X.CSV", "X.csv"),
        ("Ниже" * 40, ("Ниже" * 40)[:56] + ".csv"),
        ("x" + "😀" * 60, "x" + "😀" * 28 + ".csv"),
    ],
)
def test_filename(service: Service, wanted: str, stored: str) -> None:
    answer = service.curl(f"/datasets/items.csv?_filename={quote(wanted, safe='')}")
    assert (answer.exit, answer.status) == (0, 200)
    assert "set-cookie" not in answer.headers
    disposition = answer.headers["content-disposition"]
    fallback = "".join("_" if letter == "%" or not letter.isascii() else letter for letter in stored)
    exact = "" if stored.isascii() and "%" not in stored else f"; filename*=UTF-8''{quote(stored, safe='')}"
    assert disposition == f'attachment; filename="{fallback}"{exact}'


@pytest.mark.parametrize("wanted", ["x", "x.csv", "x.CSV", "x.csv.gz"])
def test_filename_of_a_compressed_file(service: Service, wanted: str) -> None:
    answer = service.curl(f"/datasets/items.csv?_filename={wanted}&_compression=gzip")
    assert answer.headers["content-disposition"] == 'attachment; filename="x.csv.gz"'


@pytest.mark.parametrize("wanted", ["Ниже" * 37, "😀" * 70, "y" * 150])
def test_wget_stores_a_long_name_whole(service: Service, tmp_path: Path, wget: str, wanted: str) -> None:
    url = f"{service.url}/datasets/items.csv?_filename={quote(wanted)}"
    subprocess.run([wget, "-q", "--tries=1", "--content-disposition", url], cwd=tmp_path, check=True, timeout=20)
    (stored,) = tmp_path.iterdir()
    assert stored.suffix == ".csv"


def test_no_filename_leaves_the_folder(service: Service, tmp_path: Path) -> None:
    folder = tmp_path / "inner"
    folder.mkdir()
    url = f"{service.url}/datasets/items.csv?_filename=..%2F..%2Fescaped"
    subprocess.run(["curl", "-sSOJ", "--fail", url], cwd=folder, check=True, timeout=20)
    assert len(list(folder.iterdir())) == 1
    assert list(tmp_path.iterdir()) == [folder]


def test_arguments_in_the_name_are_made_harmless(service: Service) -> None:
    answer = service.curl("/datasets/echo.csv?word=..%2Fa%0D%0AX-Evil:%20yes%22")
    assert answer.status == 200
    assert "x-evil" not in answer.headers
    assert answer.headers["content-disposition"].startswith('attachment; filename="echo-.._a__X-Evil_ yes_-')
