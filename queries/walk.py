"""Divides a query's rows into consecutive parts, each of about one block."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from queries.source import BLOCK_BYTES

_GROWTH = 4
"""How many times longer or shorter the next part may be than a measured one, so that one odd part does little harm."""


@dataclass(frozen=True, slots=True)
class Span:
    """Rows that are numbered, by the pages of a table or the values of a key."""

    first: int
    end: int
    """One more than the last number."""
    sql: Callable[[int | None, int | None], str]
    """Returns the query for rows from the first number up to, but not including, the second; None means no limit."""


class Part(NamedTuple):
    """A query, and how many numbers of its span it covers."""

    sql: str
    length: int


class Walk:
    """Walks over spans in order, once. The parts before show how long a part must be to fill about a block."""

    def __init__(self, spans: Sequence[Span], size: int) -> None:
        """`size` is about how many bytes there are; it decides the length of the first parts."""
        self._step = max(1, sum(span.end - span.first for span in spans) * BLOCK_BYTES // max(1, size))
        self._spans = iter(spans)
        self._span: Span | None = next(self._spans, None)
        self._next: int | None = None

    def take(self) -> Part | None:
        """Return the next part, None after the last one. The first and the last part of a span are open-ended."""
        span = self._span
        if span is None:
            return None
        low = self._next
        start = span.first if low is None else low
        high = start + self._step if start + self._step < span.end else None
        if high is None:
            self._span = next(self._spans, None)
        self._next = high
        return Part(span.sql(low, high), self._step)

    def learn(self, part: Part, size: int) -> None:
        """Make the next parts longer or shorter, given that this part had `size` bytes."""
        wanted = part.length * BLOCK_BYTES // size if size else part.length * _GROWTH
        self._step = max(1, part.length // _GROWTH, min(wanted, part.length * _GROWTH))
