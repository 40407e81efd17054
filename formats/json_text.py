"""PostgreSQL's text of a column made into JSON text, a column at a time, the values themselves never parsed.

Every function takes and gives an Arrow string column; NULL stays NULL. Each rule is that of `row_to_json`
(`datum_to_json_internal` in PostgreSQL's json.c) under DateStyle ISO, TimeZone UTC and bytea_output hex.
"""

from collections.abc import Callable, Mapping

import pyarrow as pa
import pyarrow.compute as pc

Rewrite = Callable[[pa.Array], pa.Array]

NOT_A_NUMBER = pa.array(["NaN", "Infinity", "-Infinity"])
SHORT_ESCAPES = {8: r"\b", 9: r"\t", 10: r"\n", 12: r"\f", 13: r"\r"}
FIRST_PRINTABLE = 0x20


def characters(column: pa.Array) -> memoryview:
    """Return the UTF-8 of all values of a string column, one after the other, without a copy."""
    _, offsets_buffer, text_buffer = column.buffers()
    if not len(column) or text_buffer is None:
        return memoryview(b"")
    offsets = memoryview(offsets_buffer)
    offsets = offsets.cast("q") if pa.types.is_large_string(column.type) else offsets.cast("i")
    return memoryview(text_buffer)[offsets[column.offset] : offsets[column.offset + len(column)]]


def number(column: pa.Array) -> pa.Array:
    """Quote NaN and the infinities, which JSON has no numbers for."""
    text = bytes(characters(column))
    if b"N" not in text and b"I" not in text:
        return column
    return pc.if_else(pc.is_in(column, NOT_A_NUMBER), quoted(column), column)


def boolean(column: pa.Array) -> pa.Array:
    """Turn t and f into true and false."""
    true, false = (pa.scalar(word, column.type) for word in ("true", "false"))
    return pc.if_else(pc.equal(column, "t"), true, false)


def raw(column: pa.Array) -> pa.Array:
    """Keep JSON as it is, but on one line: a line break can only stand between its tokens."""
    text = bytes(characters(column))
    for line_break in ("\r", "\n"):
        if line_break.encode() in text:
            column = pc.replace_substring(column, line_break, " ")
    return column


def timestamp(column: pa.Array) -> pa.Array:
    """Put a T between date and time; a later space stands before BC."""
    return pc.replace_substring(column, " ", "T", max_replacements=1)


def timestamptz(column: pa.Array) -> pa.Array:
    """Write the zone with its minutes too; in a UTC session "+00" can be nothing but the zone."""
    return pc.replace_substring(timestamp(column), "+00", "+00:00", max_replacements=1)


def bytea(column: pa.Array) -> pa.Array:
    r"""Escape the one backslash that begins \x6162."""
    return pc.replace_substring(column, "\\", "\\\\", max_replacements=1)


def plain(column: pa.Array) -> pa.Array:
    """Keep text that has nothing to escape."""
    return column


def escaped(column: pa.Array) -> pa.Array:
    """Escape what `escape_json` escapes: the quote, the backslash and every character below U+0020."""
    text = bytes(characters(column))
    if b"\\" in text:
        column = pc.replace_substring(column, "\\", "\\\\")
    if b'"' in text:
        column = pc.replace_substring(column, '"', '\\"')
    for code in _control_codes(text):
        column = pc.replace_substring(column, chr(code), SHORT_ESCAPES.get(code, f"\\u{code:04x}"))
    return column


def quoted(column: pa.Array) -> pa.Array:
    """Put every value in quotes."""
    mark, nothing = (pa.scalar(text, column.type) for text in ('"', ""))
    return pc.binary_join_element_wise(mark, column, mark, nothing)


BARE: Mapping[bytes, Rewrite] = {b"number": number, b"boolean": boolean, b"raw": raw}
"""What a field's `json` metadata may say of a column whose values stand without quotes."""

QUOTED: Mapping[bytes, Rewrite] = {
    b"timestamp": timestamp,
    b"timestamptz": timestamptz,
    b"bytea": bytea,
    b"plain": plain,
    b"text": escaped,
}
"""What it may say of a column whose values, so rewritten, still need their quotes."""


def _control_codes(text: bytes) -> list[int]:
    if not text:
        return []
    codes = pa.Array.from_buffers(pa.uint8(), len(text), [None, pa.py_buffer(text)])
    if pc.min(codes).as_py() >= FIRST_PRINTABLE:
        return []
    return [code for code in range(FIRST_PRINTABLE) if code in text]
