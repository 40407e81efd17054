from typing import Any

import pyarrow as pa
import pytest
from pydantic import ValidationError

from formats.csv import FORMAT, FORMULA_STARTS, CsvEncoder, CsvOptions
from formats.encoder import CsvDialect


def header(*names: str, **options: Any) -> bytes:
    return CsvEncoder(pa.schema([(name, pa.string()) for name in names]), CsvOptions(**options)).header()


def test_names_are_quoted_only_where_they_must_be() -> None:
    assert header("id", "a,b", 'say "hi"', " padded ", "Größe", "two\nlines", "cr\r") == (
        'id,"a,b","say ""hi""", padded ,Größe,"two\nlines","cr\r"\n'.encode()
    )


def test_a_name_that_reads_as_end_of_copy_is_quoted_only_when_it_stands_alone() -> None:
    assert header("\\.") == b'"\\."\n'
    assert header("\\.", "b") == b"\\.,b\n"


def test_a_name_that_reads_as_null_is_quoted() -> None:
    assert header("NA", "b", null="NA") == b'"NA",b\n'


def test_the_delimiter_separates_the_names_and_is_quoted_in_them() -> None:
    assert header("a", "b;c", "d,e", delimiter=";") == b'a;"b;c";d,e\n'


def test_without_columns_the_header_is_an_empty_line() -> None:
    assert header() == b"\n"


def test_header_off_writes_nothing() -> None:
    assert header("a", header=False) == b""


@pytest.mark.parametrize(("on", "expected"), [(True, b"\xef\xbb\xbfa\n"), (False, b"\xef\xbb\xbf")])
def test_excel_profile_begins_with_a_byte_order_mark(on: bool, expected: bytes) -> None:
    assert header("a", header=on, profile="excel") == expected


def test_rows_pass_through_untouched() -> None:
    encoder = CsvEncoder(pa.schema([]), CsvOptions(profile="excel"))
    block = b'1,"a\r\nb"\n'
    assert encoder.write(encoder.prepare(block)) is block
    assert encoder.finish() == b""


@pytest.mark.parametrize(("on", "word"), [("on", "present"), ("off", "absent")])
def test_content_type_says_whether_there_is_a_header(on: str, word: str) -> None:
    options = CsvOptions.model_validate({"header": on})
    assert FORMAT.content_type(options) == f"text/csv; charset=utf-8; header={word}"


@pytest.mark.parametrize("delimiter", ["\t", ";", "|", " ", "a", "0", ".", "\\", "\x01", "\x7f"])
def test_copy_takes_any_other_ascii_character_as_delimiter(delimiter: str) -> None:
    assert CsvOptions(delimiter=delimiter).delimiter == delimiter


@pytest.mark.parametrize("delimiter", ["", ";;", '"', "\r", "\n", "\0", "é", "\N{FULLWIDTH COMMA}"])
def test_a_delimiter_that_copy_refuses_is_refused(delimiter: str) -> None:
    with pytest.raises(ValidationError) as caught:
        CsvOptions(delimiter=delimiter)
    assert caught.value.errors()[0]["loc"] == ("delimiter",)


@pytest.mark.parametrize("null", ["a\nb", "a\rb", '"', "a\0", "\udc80"])
def test_a_null_that_copy_refuses_is_refused(null: str) -> None:
    with pytest.raises(ValidationError) as caught:
        CsvOptions(null=null)
    assert caught.value.errors()[0]["loc"] == ("null",)


@pytest.mark.parametrize(("delimiter", "null"), [(",", "a,b"), ("N", "NULL")])
def test_null_must_not_contain_the_delimiter(delimiter: str, null: str) -> None:
    with pytest.raises(ValidationError, match="null must not contain the delimiter"):
        CsvOptions(delimiter=delimiter, null=null)


def test_an_unknown_option_is_refused() -> None:
    with pytest.raises(ValidationError):
        CsvOptions.model_validate({"quote": "'"})


@pytest.mark.parametrize("start", FORMULA_STARTS)
def test_a_name_that_a_spreadsheet_would_run_is_escaped(start: str) -> None:
    for name in (f"{start}x", f"  {start}x"):
        quoted = f'"\'{name}"' if start in "\r\n" else f"'{name}"
        assert header("a", name, escape_formulas=True) == f"a,{quoted}\n".encode()
        assert header(name, profile="excel", escape_formulas=False).decode().count("'") == 0


def test_the_dialect_of_its_rows_is_that_of_the_options() -> None:
    assert CsvOptions(delimiter=";", null="NULL").dialect() == CsvDialect(";", "NULL")
    assert CsvOptions().dialect() == CsvDialect()


def test_formulas_are_escaped_only_when_asked_for_or_for_excel() -> None:
    asked = [(None, None), (None, "excel"), (True, None), (False, None), (True, "excel"), (False, "excel")]
    escaping = [bool(CsvOptions(escape_formulas=on, profile=profile).escaped()) for on, profile in asked]
    assert escaping == [False, True, True, False, True, False]


@pytest.mark.parametrize("delimiter", "=+-@| x'")
def test_escaping_takes_no_delimiter_that_spreadsheets_do_not_know(delimiter: str) -> None:
    with pytest.raises(ValidationError, match="delimiter must be"):
        CsvOptions(delimiter=delimiter, profile="excel")


@pytest.mark.parametrize("null", ["=1+1", "-", " @x", "\ufeff=1"])
def test_escaping_takes_no_null_that_begins_like_a_formula(null: str) -> None:
    with pytest.raises(ValidationError, match="null must not begin"):
        CsvOptions(null=null, escape_formulas=True)
