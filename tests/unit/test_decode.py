"""COPY's CSV to strings, value for value."""

from typing import Any

import pyarrow as pa
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from queries.decode import Decoder
from tests.decoding import csv

_TRICKY = st.sampled_from(
    ["", "\ufeff", "\ufeffa", "\r\n", "\n", "\r", '"', '""', ",", "\\.", "NULL", "\\N", " ", "\t", "#"]
)
_TEXT = _TRICKY | st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=8)
_CELL = st.none() | st.lists(_TEXT, max_size=3).map("".join)
_ROWS = st.integers(1, 4).flatmap(lambda width: st.lists(st.lists(_CELL, min_size=width, max_size=width), min_size=1))


def strings(width: int) -> Decoder:
    return Decoder([pa.string()] * width)


@settings(deadline=None)
@given(_ROWS)
@example([["\ufeffa"]])
@example([["\ufeff", None], [None, ""]])
@example([[None], [None]])
@example([["a\r\nb"], ["\r"], ["\n"]])
@example([["é" * 5000, None]] * 300)
def test_every_value_comes_back_with_null_and_empty_kept_apart(rows: list[Any]) -> None:
    found = strings(len(rows[0])).decode(csv(rows))
    assert [array.to_pylist() for array in found.columns] == [list(column) for column in zip(*rows, strict=True)]


def test_columns_are_plain_strings_of_one_chunk() -> None:
    found = strings(2).decode(b"1,a\n2,b\n")
    assert [(type(array), array.type) for array in found.columns] == [(pa.StringArray, pa.string())] * 2
    assert found.schema.names == ["c0", "c1"]


def test_a_block_without_rows_has_columns_without_rows() -> None:
    found = strings(3).decode(b"")
    assert [(len(array), array.type) for array in found.columns] == [(0, pa.string())] * 3


def test_without_columns_each_row_is_a_newline() -> None:
    assert [strings(0).decode(block).num_rows for block in (b"\n\n\n", b"\n", b"")] == [3, 1, 0]


def test_many_columns_and_a_large_value_fit_in_one_block() -> None:
    block = b",".join([b"1"] * 1600) + b"\n"
    assert strings(1600).decode(block * 2).shape == (2, 1600)
    assert Decoder([pa.int16()] * 1600).decode(block * 2).shape == (2, 1600)
    (large,) = strings(1).decode(b'"' + b"\r\n" * 8_000_000 + b'"\n').columns
    assert large[0].as_py() == "\r\n" * 8_000_000


def test_a_row_of_another_width_is_an_error() -> None:
    with pytest.raises(pa.ArrowInvalid):
        strings(2).decode(b"1,2\n3\n")


def test_typed_columns_stand_beside_text_with_marks_quotes_and_newlines() -> None:
    found = Decoder([pa.string(), pa.int32(), pa.bool_()]).decode('\ufeff,1,t\n"a\r\n""",,\n,2,f\n"",3,t\n'.encode())
    assert [column.to_pylist() for column in found.columns] == [
        ["\ufeff", 'a\r\n"', None, ""],
        [1, None, 2, 3],
        [True, None, False, True],
    ]


@pytest.mark.parametrize(
    ("type_", "text"),
    [
        (pa.int16(), "32768"),
        (pa.int32(), "-2147483649"),
        (pa.int64(), "9223372036854775808"),
        (pa.uint32(), "4294967296"),
        (pa.uint32(), "-1"),
        (pa.uint64(), "18446744073709551616"),
        (pa.bool_(), "true"),
        (pa.date32(), "infinity"),
        (pa.date32(), "0001-01-01 BC"),
        (pa.date32(), "10000-01-01"),
        (pa.time64("us"), "24:00:00"),
        (pa.timestamp("us"), "2024-01-01 00:00:00+00"),
        (pa.timestamp("us", "UTC"), "2024-01-01 00:00:00"),
        (pa.timestamp("us"), "2024-01-01 00:00:00.0000001"),
        (pa.decimal128(5, 2), "NaN"),
        (pa.decimal128(5, 2), "0.001"),
        (pa.decimal128(5, 2), "123456"),
    ],
)
def test_what_a_type_cannot_hold_is_refused_and_never_another_value(type_: pa.DataType, text: str) -> None:
    with pytest.raises(pa.ArrowInvalid):
        Decoder([type_]).decode(text.encode() + b"\n")
