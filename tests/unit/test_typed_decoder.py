"""Blocks to typed batches: what pyarrow's converters read is what the kernels read, and neither wraps nor rounds."""

from decimal import Decimal
from typing import Any, Literal

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from queries.columns import resolve
from queries.typed_decoder import TypedDecoder
from queries.types import Attribute, Column, Policy
from queries.unrepresentable import Unrepresentable
from tests.decoding import csv, decoded

_FRACTION = st.from_regex(r"(\.[0-9]{0,5}[1-9])?", fullmatch=True)
_DAY = st.dates().map(str) | st.sampled_from(["infinity", "-infinity", "10000-01-01", "5874897-12-31", "0044-03-15 BC"])
_CLOCK = st.builds("{:02}:{:02}:{:02}{}".format, st.integers(0, 23), st.integers(0, 59), st.integers(0, 59), _FRACTION)
_NUMBER = st.from_regex(r"-?(0|[1-9][0-9]{0,45})(\.[0-9]{1,45})?", fullmatch=True) | st.sampled_from(
    ["NaN", "Infinity", "-Infinity"]
)


def _moment(zone: str) -> st.SearchStrategy[str]:
    regular = st.builds("{} {}{}".format, st.dates(), _CLOCK, st.just(zone))
    return regular | st.sampled_from(["infinity", f"0044-03-15 01:02:03.4{zone} BC", f"12024-01-01 00:00:00{zone}"])


def _integer(bits: int) -> st.SearchStrategy[str]:
    return st.integers(-(2 ** (bits - 1)), 2 ** (bits - 1) - 1).map(str)


def _float(digits: int, width: Literal[32, 64]) -> st.SearchStrategy[str]:
    """What float4out and float8out print: the shortest digits, whose exponent has two."""
    names = {"nan": "NaN", "inf": "Infinity", "-inf": "-Infinity"}
    return st.floats(width=width).map(lambda value: names.get(str(value), f"{value:.{digits}g}"))


_TEXTS = {
    16: st.sampled_from(["t", "f"]),
    21: _integer(16),
    23: _integer(32),
    20: _integer(64),
    26: st.integers(0, 2**32 - 1).map(str),
    5069: st.integers(0, 2**64 - 1).map(str),
    700: _float(9, 32),
    701: _float(17, 64),
    1700: _NUMBER,
    1082: _DAY,
    1083: _CLOCK | st.just("24:00:00"),
    1114: _moment(""),
    1184: _moment("+00"),
    25: st.text(st.characters(codec="utf-8", exclude_characters="\0")),
    2950: st.uuids().map(str),
}


def _modifier(precision: int, scale: int) -> int:
    return ((precision << 16) | scale) + 4


def columns_of(*attributes: tuple[int, int], policy: Policy = "error") -> list[Column]:
    found = [Attribute(f"v{number}", oid, modifier) for number, (oid, modifier) in enumerate(attributes)]
    return resolve(found, {}, {}, policy)


@pytest.mark.parametrize("oid", _TEXTS)
@settings(deadline=None)
@given(st.data())
def test_both_ways_give_the_same_values_or_the_same_refusal(oid: int, data: Any) -> None:
    precision, scale = data.draw(st.integers(1, 76).flatmap(lambda p: st.tuples(st.just(p), st.integers(0, p))))
    columns = columns_of(
        (oid, _modifier(precision, scale) if oid == 1700 else -1), policy=data.draw(st.sampled_from(["error", "null"]))
    )
    texts = data.draw(st.lists(st.none() | _TEXTS[oid], max_size=12))
    try:
        decoded(columns, csv([text] for text in texts))
    except Unrepresentable:
        # Both ways said the same.
        assert columns[0].policy == "error"


def test_the_digits_of_a_decimal_are_counted_after_its_zeros_are_appended() -> None:
    for precision, scale, text in [(5, 2, "12345"), (38, 0, "9" * 39), (38, 2, "9" * 38), (38, 38, "5"), (19, 19, "1")]:
        columns = columns_of((1700, _modifier(precision, scale)))
        with pytest.raises(Unrepresentable, match="does not fit"):
            TypedDecoder(columns).decode(csv([["0"], [text]]))
    # Times 100 and modulo 2**128 this is a number of 38 digits again.
    (column,) = columns_of((1700, _modifier(38, 2)), policy="null")
    block = csv([["7305647338418769269267492148635364230"], ["1"]])
    assert TypedDecoder([column]).decode(block).column(0).to_pylist() == [None, Decimal("1.00")]


def test_the_leftmost_refusal_is_told_whichever_way_its_column_is_read() -> None:
    block = csv(
        [["2024-01-01", "1.00", "01:00:00"], ["2024-01-01", "NaN", "01:00:00"], ["infinity", "1.00", "24:00:00"]]
    )
    for order, row in [((0, 1, 2), 2), ((1, 0, 2), 1), ((2, 1, 0), 2)]:
        types = [[(1082, -1), (1700, _modifier(5, 2)), (1083, -1)][position] for position in order]
        rows = [line.split(",") for line in block.decode().splitlines()]
        decoder = TypedDecoder(columns_of(*types))
        for _ in range(2):
            with pytest.raises(Unrepresentable) as refusal:
                decoder.decode(csv([line[position] for position in order] for line in rows))
            assert (refusal.value.column, refusal.value.row) == ("v0", row)


def test_after_a_refusal_the_blocks_that_follow_are_right() -> None:
    decoder = TypedDecoder(columns_of((23, -1), (1082, -1), policy="null"))
    for block in (b"1,2024-02-29\n", b"2,infinity\n", b"3,2024-03-01\n,\n", b""):
        expected = [tuple(line.split(",")) for line in block.decode().splitlines()]
        found = zip(*(column.cast(pa.string()).to_pylist() for column in decoder.decode(block).columns), strict=True)
        assert [tuple(value or "" for value in row) for row in found] == [
            (first, "" if second == "infinity" else second) for first, second in expected
        ]


def test_a_block_that_is_not_whole_rows_is_an_error() -> None:
    with pytest.raises(pa.ArrowInvalid):
        TypedDecoder(columns_of((23, -1), (23, -1))).decode(b"1,2\n3\n")


def test_rows_without_columns_are_counted() -> None:
    assert TypedDecoder([]).decode(b"\n\n").num_rows == 2


def test_as_many_columns_as_a_table_can_have() -> None:
    found = TypedDecoder(columns_of(*[(1700, _modifier(5, 2))] * 1600)).decode(csv([["1.25"] * 1600] * 2))
    assert found.shape == (2, 1600)
    assert found.column(1599).to_pylist() == [Decimal("1.25")] * 2
