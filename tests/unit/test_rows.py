"""Rows of CSV, counted without being taken apart, against a reader that takes them apart."""

import csv
import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from queries.rows import count_rows

VALUES = st.text(alphabet='ab,"\n\r ü', max_size=90)


def written(rows):
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows(rows)
    return text.getvalue().encode()


@given(st.integers(1, 4).flatmap(lambda width: st.lists(st.lists(VALUES, min_size=width, max_size=width), max_size=40)))
def test_as_many_as_a_reader_finds(rows):
    assert count_rows(written(rows)) == len(rows)


@pytest.mark.parametrize("length", [*range(54, 70), 118, 119, 120, 121, 122, 4094, 4095, 4096])
def test_a_value_that_ends_wherever_words_do(length):
    """Words of 64 characters are looked at at once."""
    value = ("x" * length).replace("xx", "x\n")
    assert count_rows(written([[value, 1], [1, value], ["", ""]])) == 3


@pytest.mark.parametrize("block", [b"", bytearray(), bytearray(b'"\n"\n')])
def test_what_a_driver_may_hand_over(block):
    assert count_rows(block) == (1 if block else 0)


def test_a_block_of_many_megabytes():
    row = b'1,"' + b"a\n" * 500 + b'"\n'
    assert count_rows(row * 10_000) == 10_000
