"""PostgreSQL's text of a column made into JSON text, a column at a time, the values themselves never parsed.

Each rule is that of `row_to_json` (`datum_to_json_internal` in PostgreSQL's json.c) for a session whose DateStyle is
ISO, whose TimeZone is UTC and whose bytea_output is hex. It takes an Arrow string column and gives a `Framed` one of
the same length, in which NULL is still NULL.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import NamedTuple

import pyarrow as pa
import pyarrow.compute as pc

NOT_A_NUMBER = pa.array(["NaN", "Infinity", "-Infinity"])
SHORT_ESCAPES = {8: r"\b", 9: r"\t", 10: r"\n", 12: r"\f", 13: r"\r"}
FIRST_PRINTABLE = 0x20

END = 2**31 - 1
"""A place in a value behind its last byte."""


class Framed(NamedTuple):
    """A column, and what stands before and after every value of it that is not NULL."""

    column: pa.Array
    opening: str = '"'
    closing: str = '"'

    def joined(self) -> pa.Array:
        """Return the JSON of every value, `null` for NULL."""
        column = self.column
        # In half the time of `binary_join_element_wise`.
        if self.opening:
            column = pc.binary_replace_slice(column, 0, 0, self.opening)
        if self.closing:
            column = pc.binary_replace_slice(column, END, END, self.closing)
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
    if _beyond_numbers(_held([column])):
        column = pc.if_else(pc.is_in(column, NOT_A_NUMBER), Framed(column).joined(), column)
    return Framed(column, "", "")


def boolean(column: pa.Array) -> Framed:
    """Spell t and f out."""
    false, true = pa.array(["false", "true"], column.type)
    return Framed(pc.if_else(pc.equal(column, "t"), true, false), "", "")


def raw(column: pa.Array) -> Framed:
    """Keep JSON as it is, but on one line: in it, a line break can only stand between tokens."""
    if _has_line_break(_held([column])):
        column = _with_text(column, lambda text: text.replace(b"\n", b" ").replace(b"\r", b" "))
    return Framed(column, "", "")


def timestamp(column: pa.Array) -> Framed:
    """Put a T between date and time."""
    return Framed(_with_text(column, _with_t))


def timestamptz(column: pa.Array) -> Framed:
    """Put a T between date and time, and minutes after the zone's hours, which are last unless BC follows."""
    text = _held([column])
    column = _with_text(column, _with_t)
    if b"B" not in text and b"i" not in text:
        return Framed(column, '"', ':00"')
    return Framed(pc.replace_substring(column, "+00", "+00:00", max_replacements=1))


def bare(column: pa.Array) -> Framed:
    """Keep what is JSON already."""
    return Framed(column, "", "")


def bytea(column: pa.Array) -> Framed:
    r"""Escape the one backslash, which every value begins with: \x6162."""
    return Framed(column, '"\\')


def plain(column: pa.Array) -> Framed:
    """Only quote text that has nothing to escape."""
    return Framed(column)


def text(column: pa.Array) -> Framed:
    """Escape what `escape_json` escapes: the quote, the backslash and every character below U+0020."""
    present = _held([column])
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


def framed(rules: Sequence[Rule], columns: Sequence[pa.Array]) -> list[Framed]:
    """Apply each column's rule.

    Most columns hold nothing that their rule would change. Those of one rule are searched for it together, since a
    search costs more in calls than in bytes.
    """
    alike = defaultdict(list)
    for rule, column in zip(rules, columns, strict=True):
        alike[rule].append(column)
    chosen = {rule: _lightest(rule, same) for rule, same in alike.items()}
    return [chosen[rule](column) for rule, column in zip(rules, columns, strict=True)]


def _lightest(rule: Rule, columns: Iterable[pa.Array]) -> Rule:
    if rule not in _USUALLY:
        return rule
    usual, needs_more = _USUALLY[rule]
    return rule if needs_more(_held(columns)) else usual


def _held(columns: Iterable[pa.Array]) -> bytes:
    """Return the text of all columns; of a slice, also what stands around it."""
    texts = (column.buffers()[2] for column in columns)
    return b"".join(text for text in texts if text is not None)


def _beyond_numbers(text: bytes) -> bool:
    return b"N" in text or b"I" in text


def _has_line_break(text: bytes) -> bool:
    return b"\n" in text or b"\r" in text


def _needs_escapes(text: bytes) -> bool:
    return b'"' in text or b"\\" in text or bool(_control_codes(text))


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


_USUALLY: Mapping[Rule, tuple[Rule, Callable[[bytes], bool]]] = {
    number: (bare, _beyond_numbers),
    raw: (bare, _has_line_break),
    text: (plain, _needs_escapes),
}
"""What does for most columns of a rule, and whether a text needs more than that."""
