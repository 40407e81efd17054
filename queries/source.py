"""What the two ways of reading rows, COPY and the cursor, have in common."""

from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from queries.output_settings import ENCODING
from queries.types import Column

BLOCK_BYTES = 1 << 20
"""About how much CSV a source collects in a block: smaller blocks cost time, larger ones only memory."""


@dataclass(frozen=True, slots=True)
class Dialect:
    """How CSV is written: COPY's DELIMITER and NULL."""

    delimiter: str = ","
    null: str = ""


@dataclass(frozen=True, slots=True)
class Reading:
    """What a source reads: the columns of its statement, in order, and the dialect of their CSV."""

    columns: Sequence[Column]
    dialect: Dialect = Dialect()
    casts: Mapping[int, str] = field(default_factory=dict)
    """The positions of columns that become JSON value by value, with their types in SQL."""

    encoding: str = "UTF8"
    """The encoding to ask for text in; see `queries.connection.text_encoding`."""
    encodes: bool = False
    """Whether the statement itself encodes text."""

    @property
    def settings(self) -> frozenset[str]:
        """The session settings that the text of the values depends on."""
        own = ENCODING if self.encodes else frozenset[str]()
        return own.union(*(column.settings for column in self.columns))


class Source(Protocol):
    """Rows of one query, in the server's order, as blocks of whole rows, in UTF-8."""

    rows: int | None
    """How many rows the server says it sent; None until the last block has been read."""

    @property
    def counted(self) -> int:
        """How many rows have been counted so far; in the end all."""

    is_csv: bool
    """Whether the blocks are chunks of CSV (`queries.blocks.Block`), so that `csv` costs next to nothing."""

    def __aiter__(self) -> AsyncIterator[Any]:
        """Yield blocks of roughly `BLOCK_BYTES`, or less when the server pauses; a larger row is a block of its own.

        Raises:
            QueryError: the server failed; blocks that were not read yet are lost.
        """

    def csv(self, block: Any) -> bytes:
        """Return a block as CSV rows without a header; the block is consumed. Slow, and safe in any thread.

        Raises:
            InvalidText: a value is not UTF-8, if that is checked only here.
        """
