"""Bad input: each kind has its own status and problem type, decided before the first byte."""

import re
from pathlib import Path

import pytest

from tests.acceptance.problems import problem
from tests.acceptance.service import Service


@pytest.mark.parametrize(
    ("path", "status", "name"),
    [
        ("/datasets/none", 404, "unknown-dataset"),
        ("/datasets/none.csv", 404, "unknown-dataset"),
        ("/datasets/items.xlsx", 404, "unknown-format"),
        ("/datasets/items.csv.gz", 404, None),
        ("/datasets/%2e%2e%2fetc%2fpasswd", 404, None),
        ("/datasets/items%00.csv", 404, None),
        ("/datasets/%ff%fe.csv", 404, None),
        ("/datasets/items.csv/", 404, None),
        ("/nothing", 404, "not-found"),
        ("/datasets/items/csv", 404, "not-found"),
    ],
)
def test_unknown_path(service: Service, path: str, status: int, name: str | None) -> None:
    answer = service.curl(path, "--path-as-is")
    problem(answer, status, name or answer.json()["type"].rpartition(":")[2])


@pytest.mark.parametrize(
    ("query", "parameters"),
    [
        ("", ["day"]),
        ("day=", ["day"]),
        ("day=yesterday", ["day"]),
        ("day=2024-02-30", ["day"]),
        ("day=2024-01-01&day=2024-01-02", ["day"]),
        ("day=2024-01-01&number=0", ["number"]),
        ("day=2024-01-01&number=2.5", ["number"]),
        ("day=2024-01-01&number=99999999999", ["number"]),
        ("day=2024-01-01&kind=c", ["kind"]),
        ("day=2024-01-01&dya=1", ["dya"]),
        ("day=2024-01-01&Number=1", ["Number"]),
        ("day=2024-01-01&=1", [""]),
        ("day=2024-01-01&_", ["_"]),
        ("day=2024-01-01&_limt=1", ["_limt"]),
        ("day=2024-01-01&_limit=-1", ["_limit"]),
        ("day=2024-01-01&_limit=", ["_limit"]),
        ("day=2024-01-01&_limit=1e3", ["_limit"]),
        ("day=2024-01-01&_limit=9223372036854775808", ["_limit"]),
        ("day=2024-01-01&_limit=1&_limit=2", ["_limit"]),
        ("day=2024-01-01&_columns=", ["_columns"]),
        ("day=2024-01-01&_columns=day,size", ["_columns"]),
        ("day=2024-01-01&_columns=day,", ["_columns"]),
        ("day=2024-01-01&_filename=", ["_filename"]),
        ("day=2024-01-01&_header=maybe", ["_header"]),
        ("day=2024-01-01&_delimiter=ab", ["_delimiter"]),
        ("day=2024-01-01&_delimiter=%22", ["_delimiter"]),
        ("day=2024-01-01&_compression=lzma", ["_compression"]),
        ("day=2024-01-01&_profile=word", ["_profile"]),
        ("day=2024-01-01&_row_group_size=5000", ["_row_group_size"]),
        ("number=x&kind=c&colour=red&_limit=many&_zip=1", ["_limit", "_zip", "colour", "day", "kind", "number"]),
    ],
)
def test_every_wrong_parameter_is_named(service: Service, query: str, parameters: list[str]) -> None:
    document = problem(service.curl(f"/datasets/typed.csv?{query}"), 422, "invalid-parameters")
    assert sorted(fault["parameter"] for fault in document["errors"]) == parameters
    assert all(fault["detail"] for fault in document["errors"])


def test_an_option_of_another_format_is_unknown(service: Service) -> None:
    for path in ("parquet?_delimiter=;", "ndjson?_header=off", "arrows?_row_group_size=5000"):
        problem(service.curl(f"/datasets/items.{path}"), 422, "invalid-parameters")


@pytest.mark.parametrize("column", ["a%0D%0Ab", "%22%3B%20DROP%20TABLE%20x%3B--", "%00", "%27"])
def test_a_column_name_is_no_sql(service: Service, column: str) -> None:
    problem(service.curl(f"/datasets/items.csv?_columns={column}"), 422, "invalid-parameters")


@pytest.mark.parametrize("query", ["word=%ff", "word=%C3%28", "wor%ffd=1", "word=%ED%A0%80"])
def test_query_string_that_is_not_utf_8(service: Service, query: str) -> None:
    problem(service.curl(f"/datasets/echo.csv?{query}"), 400, "malformed-query-string")


@pytest.mark.parametrize("query", ["word=%", "word=%4", "word=%zz", "word=100%25%"])
def test_percent_sign_that_encodes_nothing(service: Service, query: str) -> None:
    problem(service.curl(f"/datasets/echo.csv?{query}"), 400, "malformed-query-string")


@pytest.mark.parametrize("word", ["Z%C3%BCrich", "Zürich", "Z%c3%bcrich"])
def test_letters_are_utf_8_encoded_or_not(service: Service, word: str) -> None:
    assert service.curl(f"/datasets/echo.csv?word={word}").text == "word\nZürich\n"


def test_a_pattern_that_takes_others_for_ever(service: Service) -> None:
    for text in ("a" * 28 + "!", "a" * 1001, "a" * 60_000 + "!"):
        document = problem(service.curl(f"/datasets/typed.csv?day=2024-01-01&words={text}"), 422, "invalid-parameters")
        assert [fault["parameter"] for fault in document["errors"]] == ["words"]
    assert service.curl("/datasets/typed.csv?day=2024-01-01&words=a+b").text.endswith(",a,a b\n")


def test_plus_is_a_space(service: Service) -> None:
    assert service.curl("/datasets/echo.csv?word=a+b%2Bc%20d").text == "word\na b+c d\n"


def test_nul_in_text(service: Service) -> None:
    document = problem(service.curl("/datasets/echo.csv?word=a%00b"), 422, "invalid-parameters")
    assert [fault["parameter"] for fault in document["errors"]] == ["word"]


@pytest.mark.parametrize("dataset", ["echo", "echo_fetched"])
@pytest.mark.parametrize(
    "word", ["%27%3B%20DROP%20SCHEMA%20acceptance%20CASCADE%3B--", "%24%24%2F%2A", "%5C%27", "%27%20OR%201%3D1", "%241"]
)
def test_an_argument_is_only_a_value(service: Service, dataset: str, word: str) -> None:
    answer = service.curl(f"/datasets/{dataset}.ndjson?word={word}")
    expected = bytes.fromhex(re.sub("%(..)|(.)", lambda m: m[1] or f"{ord(m[2]):02x}", word)).decode()
    assert answer.json() == {"word": expected}


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH", "OPTIONS"])
@pytest.mark.parametrize("path", ["/datasets/items.csv", "/datasets", "/healthz"])
def test_wrong_method(service: Service, path: str, method: str) -> None:
    answer = service.curl(path, "-X", method)
    problem(answer, 405, "method-not-allowed")
    assert answer.headers["allow"] == "GET, HEAD"


def test_a_body_that_nobody_asked_for_is_refused(service: Service, tmp_path: Path) -> None:
    (tmp_path / "body").write_bytes(bytes(500_000))
    answer = service.curl("/datasets/items.csv", "--data-binary", f"@{tmp_path / 'body'}")
    problem(answer, 405, "method-not-allowed")


def test_http_1_0(service: Service) -> None:
    for how in ((), ("-H", "Accept: text/csv")):
        path = "/datasets/items" if how else "/datasets/items.csv"
        assert "HTTP/1.1" in problem(service.curl(path, "--http1.0", *how), 505, "http-version-not-supported")["detail"]
        assert service.curl(path, "--http1.0", "--head", *how).status == 505


@pytest.mark.parametrize("extension", ["parquet", "arrows"])
def test_columns_of_one_name(service: Service, extension: str) -> None:
    assert "a_2" in problem(service.curl(f"/datasets/twins.{extension}"), 409, "duplicate-columns")["detail"]


def test_long_argument(service: Service) -> None:
    answer = service.curl(f"/datasets/echo.csv?word={'x' * 60_000}&_filename=x")
    assert answer.text == f"word\n{'x' * 60_000}\n"
