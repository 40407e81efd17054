"""Parts that lie side by side, cover everything once, and grow towards a block."""

from collections.abc import Iterator
from functools import partial
from itertools import islice, pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from queries.source import BLOCK_BYTES
from queries.walk import Part, Span, Walk


def taken(walk: Walk, size: int) -> Iterator[Part]:
    """All parts; each is told to have had `size` bytes for each number."""
    while part := walk.take():
        walk.learn(part, part.length * size)
        yield part


@given(
    spans=st.lists(st.tuples(st.integers(-(2**63), 2**63), st.integers(0, 10_000)), min_size=1, max_size=5),
    size=st.integers(0, 10**9),
    sizes=st.lists(st.integers(0, 10**7), min_size=1),
)
def test_the_parts_of_each_span_adjoin_and_are_open_outwards(
    spans: list[tuple[int, int]], size: int, sizes: list[int]
) -> None:
    bounds: list[tuple[int, int | None, int | None]] = []

    def query(number: int, low: int | None, high: int | None) -> str:
        bounds.append((number, low, high))
        return ""

    def span(number: int, first: int, length: int) -> Span:
        return Span(first, first + length, partial(query, number))

    walk = Walk([span(number, *one) for number, one in enumerate(spans)], size)
    count = 0
    while part := walk.take():
        assert part.length > 0
        walk.learn(part, sizes[count % len(sizes)])
        count += 1
    for number, (first, length) in enumerate(spans):
        parts = [(low, high) for span, low, high in bounds if span == number]
        assert parts[0][0] is None
        assert parts[-1][1] is None
        assert all(high == low for (_, high), (low, _) in pairwise(parts))
        inner = [high for _, high in parts[:-1] if high is not None]
        assert len(inner) == len(parts) - 1
        assert inner == sorted(set(inner))
        assert all(first < high < first + length for high in inner)
    assert len(bounds) == count


@pytest.mark.parametrize("size", [10, 1_000, BLOCK_BYTES // 3, 10 * BLOCK_BYTES])
def test_parts_soon_have_the_size_of_a_block_or_one_number(size: int) -> None:
    parts = list(islice(taken(Walk([Span(0, 10**6, lambda low, high: "")], 10**6 * 1_000), size), 50))
    found = parts[len(parts) // 2].length * size
    assert BLOCK_BYTES / 2 <= found <= BLOCK_BYTES or parts[-1].length == 1 or len(parts) < 12


def test_parts_without_rows_grow() -> None:
    assert len(list(taken(Walk([Span(0, 10**12, lambda low, high: "")], 10**12), 0))) < 40
