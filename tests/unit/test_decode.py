"""COPY's CSV to strings, value for value."""

import pyarrow as pa
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from queries.decode import batch, count, parse

_TRICKY = st.sampled_from(
    ["", "\ufeff", "\ufeffa", "\r\n", "\n", "\r", '"', '""', ",", "\\.", "NULL", "\\N", " ", "\t", "#"]
)
_TEXT = _TRICKY | st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=8)
_CELL = st.none() | st.lists(_TEXT, max_size=3).map("".join)
_ROWS = st.integers(1, 4).flatmap(lambda width: st.lists(st.lists(_CELL, min_size=width, max_size=width), min_size=1))


def _csv(rows):
    """What COPY … (FORMAT csv) prints: quotes only where they are needed (CopyAttributeOutCSV in copyto.c)."""
    return "".join(",".join(_cell(value, len(row) == 1) for value in row) + "\n" for row in rows).encode()


def _cell(value, single):
    if value is None:
        return ""
    needed = value == "" or any(c in '",\r\n' for c in value) or (single and value == "\\.")
    return '"' + value.replace('"', '""') + '"' if needed else value


@settings(deadline=None)
@given(_ROWS)
@example([["\ufeffa"]])
@example([["\ufeff", None], [None, ""]])
@example([[None], [None]])
@example([["a\r\nb"], ["\r"], ["\n"]])
@example([["é" * 5000, None]] * 300)
def test_every_value_comes_back_with_null_and_empty_kept_apart(rows):
    block = _csv(rows)
    arrays = parse(block, len(rows[0]))
    assert [array.to_pylist() for array in arrays] == [list(column) for column in zip(*rows, strict=True)]
    assert count(block, arrays) == len(rows)


def test_arrays_are_plain_strings_of_one_chunk():
    assert [(type(array), array.type) for array in parse(b"1,a\n2,b\n", 2)] == [(pa.StringArray, pa.string())] * 2


def test_a_block_without_rows_has_columns_without_rows():
    arrays = parse(b"", 3)
    assert [(len(array), array.type) for array in arrays] == [(0, pa.string())] * 3
    assert count(b"", arrays) == 0


def test_without_columns_each_row_is_a_newline():
    arrays = parse(b"\n\n\n", 0)
    assert arrays == []
    assert count(b"\n\n\n", arrays) == 3
    assert batch(arrays, 3).num_rows == 3
    assert batch([], 0).num_rows == 0


def test_many_columns_and_a_large_value_fit_in_one_block():
    block = b",".join([b"1"] * 1600) + b"\n"
    assert len(parse(block * 2, 1600)) == 1600
    (large,) = parse(b'"' + b"\r\n" * 8_000_000 + b'"\n', 1)
    assert large[0].as_py() == "\r\n" * 8_000_000


def test_a_row_of_another_width_is_an_error():
    with pytest.raises(pa.ArrowInvalid):
        parse(b"1,2\n3\n", 2)
