"""PostgreSQL's text of a column made into JSON text, a column at a time, the values themselves never parsed.

Each rule is that of `row_to_json` (`datum_to_json_internal` in PostgreSQL's json.c) for a session whose DateStyle is
ISO, whose TimeZone is UTC and whose bytea_output is hex. It takes an Arrow string column and gives a `Framed` one of
the same length, in which NULL is still NULL.
"""

from collections.abc import Callable, Mapping
from typing import NamedTuple

import pyarrow as pa
import pyarrow.compute as pc

NOT_A_NUMBER = pa.array(["NaN", "Infinity", "-Infinity"])
SHORT_ESCAPES = {8: r"\b", 9: r"\t", 10: r"\n", 12: r"\f", 13: r"\r"}
FIRST_PRINTABLE = 0x20


class Framed(NamedTuple):
    """A column, and what stands before and after every value of it that is not NULL."""

    column: pa.Array
    opening: str = '"'
    closing: str = '"'

    def joined(self) -> pa.Array:
        """Return the JSON of every value, `null` for NULL."""
        column = self.column
        if self.opening or self.closing:
            opening, closing, nothing = (pa.scalar(text, column.type) for text in (self.opening, self.closing, ""))
            column = pc.binary_join_element_wise(opening, column, closing, nothing)
        return pc.fill_null(column, "null")


def characters(column: pa.Array) -> memoryview:
    """Return the UTF-8 of all values of a string column, one after the other, without a copy."""
    _, offsets_buffer, text = column.buffers()
    if not len(column) or text is None:
        return memoryview(b"")
    offsets = memoryview(offsets_buffer)
    offsets = offsets.cast("q") if pa.types.is_large_string(column.type) else offsets.cast("i")
    return memoryview(text)[offsets[column.offset] : offsets[column.offset + len(column)]]


def number(column: pa.Array) -> Framed:
    """Quote only NaN and the infinities, which JSON has no numbers for."""
    text = bytes(characters(column))
    if b"N" in text or b"I" in text:
        column = pc.if_else(pc.is_in(column, NOT_A_NUMBER), Framed(column).joined(), column)
    return Framed(column, "", "")


def boolean(column: pa.Array) -> Framed:
    """Spell t and f out."""
    words = pa.array(["false", "true"], column.type)
    return Framed(words.take(pc.equal(column, "t").cast(pa.int8())), "", "")


def raw(column: pa.Array) -> Framed:
    """Keep JSON as it is, but on one line: in it, a line break can only stand between tokens."""
    text = bytes(characters(column))
    if b"\n" in text or b"\r" in text:
        column = _with_text(column, lambda text: text.replace(b"\n", b" ").replace(b"\r", b" "))
    return Framed(column, "", "")


def timestamp(column: pa.Array) -> Framed:
    """Put a T between date and time."""
    return Framed(_with_text(column, _with_t))


def timestamptz(column: pa.Array) -> Framed:
    """Put a T between date and time, and minutes after the zone's hours, which are last unless BC follows."""
    text = bytes(characters(column))
    column = _with_text(column, _with_t)
    if b"B" not in text and b"i" not in text:
        return Framed(column, '"', ':00"')
    return Framed(pc.replace_substring(column, "+00", "+00:00", max_replacements=1))


def bytea(column: pa.Array) -> Framed:
    r"""Escape the one backslash, which every value begins with: \x6162."""
    return Framed(column, '"\\')


def plain(column: pa.Array) -> Framed:
    """Only quote text that has nothing to escape."""
    return Framed(column)


def text(column: pa.Array) -> Framed:
    """Escape what `escape_json` escapes: the quote, the backslash and every character below U+0020."""
    present = bytes(characters(column))
    if b"\\" in present:
        column = pc.replace_substring(column, "\\", "\\\\")
    if b'"' in present:
        column = pc.replace_substring(column, '"', '\\"')
    for code in _control_codes(present):
        column = pc.replace_substring(column, chr(code), SHORT_ESCAPES.get(code, f"\\u{code:04x}"))
    return Framed(column)


Rule = Callable[[pa.Array], Framed]

RULES: Mapping[bytes, Rule] = {
    rule.__name__.encode(): rule for rule in (number, boolean, raw, timestamp, timestamptz, bytea, plain, text)
}
"""The rules by the names that fields carry in their `json` metadata."""


def _control_codes(text: bytes) -> list[int]:
    if not text:
        return []
    codes = pa.Array.from_buffers(pa.uint8(), len(text), [None, pa.py_buffer(text)])
    if pc.min(codes).as_py() >= FIRST_PRINTABLE:
        return []
    return [code for code in range(FIRST_PRINTABLE) if code in text]


def _with_t(moments: bytes) -> bytes:
    changed = moments.replace(b" ", b"T")
    # One byte is found far sooner than three.
    return changed.replace(b"TBC", b" BC") if b"B" in changed else changed


def _with_text(column: pa.Array, rewritten: Callable[[bytes], bytes]) -> pa.Array:
    """Change the text of a column in ways that keep the length of every value."""
    validity, offsets, text = column.buffers()
    if text is None:
        return column
    changed = pa.py_buffer(rewritten(text.to_pybytes()))
    return pa.Array.from_buffers(
        column.type, len(column), [validity, offsets, changed], column.null_count, column.offset
    )
