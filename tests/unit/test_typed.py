"""Texts to Arrow values, without a server; tests/integration/test_type_table.py has the server's own answers."""

import math
import struct
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from queries.columns import resolve
from queries.typed_decoder import typed
from queries.types import Attribute, Policy
from queries.unrepresentable import Unrepresentable
from tests.decoding import csv, decoded

# A built-in type's oid, its array's oid, a text of COPY, the same value in to_json, and in Python.
SAMPLES = [
    (16, 1000, "t", "true", True),
    (21, 1005, "-7", "-7", -7),
    (26, 1028, "4294967295", '"4294967295"', 4294967295),
    (701, 1022, "0.1", "0.1", 0.1),
    (1700, 1231, "1.50", "1.50", "1.50"),
    (25, 1009, 'a,"b', '"a,\\"b"', 'a,"b'),
    (17, 1001, "\\x00ff", '"\\\\x00ff"', b"\x00\xff"),
    (2950, 2951, str(UUID(int=7)), f'"{UUID(int=7)}"', UUID(int=7)),
    (1082, 1182, "2024-02-29", '"2024-02-29"', date(2024, 2, 29)),
    (1083, 1183, "01:02:03.5", '"01:02:03.5"', time(1, 2, 3, 500_000)),
    (1114, 1115, "2024-02-29 01:02:03", '"2024-02-29T01:02:03"', datetime(2024, 2, 29, 1, 2, 3)),  # noqa: DTZ001 - it has none
    (1186, 1187, "P1M2DT-0.5S", '"P1M2DT-0.5S"', "P1M2DT-0.5S"),
    (3802, 3807, "[1]", '"[1]"', "[1]"),
]
_EACH = pytest.mark.parametrize(("oid", "array_oid", "text", "json", "value"), SAMPLES)


@dataclass(frozen=True)
class Declared:
    type: str
    on_unrepresentable: Policy


def cast(
    oid: int, texts: list[Any] | pa.Array, modifier: int = -1, policy: Policy = "error", type_: Any = None
) -> pa.Array:
    overrides = {"v": Declared(type_, policy)} if type_ else {}
    columns = resolve([Attribute("v", oid, modifier)], {}, overrides, policy)
    if isinstance(texts, pa.Array):
        batch = typed(columns, pa.RecordBatch.from_arrays([texts], names=["c0"]))
    else:
        batch = decoded(columns, csv([text] for text in texts))
    found = batch.column(0)
    found.validate(full=True)
    assert found.type == columns[0].arrow_type
    return found


def element(value: Any) -> Any:
    """What a list holds of a value."""
    return str(value) if isinstance(value, UUID) else value


@_EACH
def test_nulls_slices_and_no_rows_at_all_are_kept(oid: int, array_oid: int, text: str, json: str, value: Any) -> None:
    for type_oid, sample, expected in [(oid, text, value), (array_oid, f"[{json},null]", [element(value), None])]:
        assert cast(type_oid, []).to_pylist() == []
        assert cast(type_oid, [None, None]).to_pylist() == [None, None]
        rows = [sample, None, sample, sample, None]
        assert cast(type_oid, rows).to_pylist() == [expected if row else None for row in rows]
        whole = pa.array([None, *rows, None, *rows] * 5, pa.string())
        for start, length in [(1, 5), (2, 4), (3, 2), (9, 17), (4, 0)]:
            part = whole.slice(start, length)
            assert cast(type_oid, part).to_pylist() == [expected if row else None for row in part.to_pylist()]


@_EACH
def test_empty_lists_null_lists_and_lists_of_null_are_told_apart(
    oid: int, array_oid: int, text: str, json: str, value: Any
) -> None:
    texts = ["[]", None, "[null]", f"[{json}]", "[]", f"[null,{json},null]", "[]"]
    expected = [[], None, [None], [element(value)], [], [None, element(value), None], []]
    assert cast(array_oid, texts).to_pylist() == expected
    assert cast(array_oid, ["[]"] * 3).to_pylist() == [[]] * 3


@settings(deadline=None)
@given(st.lists(st.none() | st.floats(), max_size=30))
def test_doubles_are_exact_to_the_bit(values: list[Any]) -> None:
    texts = [
        None if value is None else repr(value).replace("nan", "NaN").replace("inf", "Infinity") for value in values
    ]
    found = cast(701, texts).to_pylist()
    assert [_bits(value) for value in found] == [
        _bits(math.nan if value is not None and math.isnan(value) else value) for value in values
    ]


@settings(deadline=None)
@given(st.lists(st.none() | st.floats(width=32, allow_nan=False, allow_infinity=False), max_size=30))
def test_floats_are_exact_to_the_bit(values: list[Any]) -> None:
    texts = [None if value is None else f"{value:.9g}" for value in values]
    assert [_bits(value) for value in cast(700, texts).to_pylist()] == [_bits(value) for value in values]


def _bits(value: float | None) -> bytes | None:
    return None if value is None else struct.pack(">d", value)


@settings(deadline=None)
@given(
    st.lists(
        st.none() | st.decimals(allow_nan=False, allow_infinity=False, places=5, min_value=-(10**20), max_value=10**20)
    )
)
def test_decimals_are_exact(values: list[Any]) -> None:
    texts = [None if value is None else f"{value:f}" for value in values]
    assert cast(1700, texts, ((26 << 16) | 5) + 4).to_pylist() == values


@settings(deadline=None)
@given(
    st.lists(st.none() | st.from_regex(r"-?(0|[1-9][0-9]{0,80})(\.[0-9]{1,60})?", fullmatch=True)),
    st.integers(1, 76).flatmap(lambda precision: st.tuples(st.just(precision), st.integers(0, precision))),
)
def test_a_decimal_is_the_very_number_or_null(texts: list[Any], type_: tuple[int, int]) -> None:
    precision, scale = type_
    expected = []
    for text in texts:
        whole, _, part = (text or "").lstrip("-").partition(".")
        fits = len(part.rstrip("0")) <= scale and len(whole.lstrip("0")) <= precision - scale
        expected.append(Decimal(text) if text and fits else None)
    assert cast(1700, texts, ((precision << 16) | scale) + 4, "null").to_pylist() == expected


@settings(deadline=None)
@given(st.lists(st.none() | st.from_regex(r"-?(0|[1-9][0-9]{0,400})(\.[0-9]{1,400})?", fullmatch=True)))
def test_a_number_read_as_a_double_is_the_nearest_or_null_where_that_is_infinite(texts: list[Any]) -> None:
    nearest = [None if text is None else float(text) for text in texts]
    expected = [None if value is None or math.isinf(value) else value for value in nearest]
    assert [_bits(value) for value in cast(1700, texts, -1, "null", "double").to_pylist()] == [*map(_bits, expected)]


@settings(deadline=None)
@given(st.lists(st.none() | st.binary(max_size=40)))
def test_bytes_are_exact(values: list[Any]) -> None:
    assert cast(17, [None if value is None else f"\\x{value.hex()}" for value in values]).to_pylist() == values


@settings(deadline=None)
@given(st.lists(st.none() | st.uuids()))
def test_uuids_are_exact(values: list[Any]) -> None:
    assert cast(2950, [None if value is None else str(value) for value in values]).to_pylist() == values


@settings(deadline=None)
@given(st.lists(st.none() | st.dates() | st.just("infinity")))
def test_dates_stay_right_beside_odd_ones(values: list[Any]) -> None:
    texts = [str(value) if value else None for value in values]
    expected = [None if value == "infinity" else value for value in values]
    assert cast(1082, texts, policy="null").to_pylist() == expected


@settings(deadline=None)
@given(st.lists(st.none() | st.datetimes() | st.just("-infinity")))
def test_timestamps_stay_right_beside_odd_ones(values: list[Any]) -> None:
    texts = [str(value) if value else None for value in values]
    expected = [None if value == "-infinity" else value for value in values]
    assert cast(1114, texts, policy="null").to_pylist() == expected


@settings(deadline=None)
@given(st.lists(st.none() | st.lists(st.none() | st.text(st.characters(codec="utf-8", exclude_characters="\0")))))
def test_lists_of_text_come_back_from_their_json(values: list[Any]) -> None:
    import json

    texts = [
        None if value is None else json.dumps(value, ensure_ascii=False, separators=(",", ":")) for value in values
    ]
    assert cast(1009, texts).to_pylist() == values


def test_the_row_of_an_element_that_does_not_fit_is_the_row_of_its_list() -> None:
    texts = ['["2024-01-01"]', None, "[]", '[null,"infinity"]', '["infinity"]']
    with pytest.raises(Unrepresentable) as refusal:
        cast(1182, texts)
    assert (refusal.value.column, refusal.value.row) == ("v", 3)
    assert refusal.value.after(100).detail == "column 'v', row 104: infinity does not fit date32[day]"
    assert str(refusal.value.after(100)) == "column 'v', row 104: it does not fit date32[day]", "the log shows no value"


def test_a_long_value_is_cut_in_the_message() -> None:
    with pytest.raises(Unrepresentable) as refusal:
        cast(1700, ["1", "9" * 500 + ".00"], ((5 << 16) | 2) + 4)
    assert len(refusal.value.detail) < 120


def test_a_decimal_is_never_rounded_nor_wrapped() -> None:
    modifier = ((38 << 16) | 2) + 4
    # Times 100 and modulo 2**128, the last is a number of 38 digits again.
    for wrong in ["0.001", "9" * 37, "1" + "0" * 76, "-" + "9" * 200, "7305647338418769269267492148635364230"]:
        assert cast(1700, ["1.00", wrong, None], modifier, "null").to_pylist() == [Decimal("1.00"), None, None]
    assert cast(1700, ["1.00" + "0" * 60], modifier).to_pylist() == [Decimal("1.00")]
    assert cast(1700, ["0.010"], modifier).to_pylist() == [Decimal("0.01")]


def test_the_days_of_a_leap_century_and_of_the_years_before_christ_are_counted_right() -> None:
    days = ["2000-03-01", "1900-03-01", "0001-01-01", "0001-12-31 BC", "0001-02-29 BC", "10000-01-01", "4713-01-01 BC"]
    # Julian day numbers: 0 is 24 November 4714 BC, 2440588 is 1970-01-01.
    expected = [11_017, -25_508, -719_162, -719_163, -719_469, 2_932_897, -2_440_550]
    assert cast(1082, days).view(pa.int32()).to_pylist() == expected
    assert date(1970, 1, 1) + timedelta(days=expected[1]) == date(1900, 3, 1)
