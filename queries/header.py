"""The header of a SQL file: the TOML document in its first block comment, and the lines on which its keys stand."""

import re
import tomllib
from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any, NamedTuple

from queries.lexer import tokens

_MULTILINE_STRING = re.compile(r'"""(?:\\.|.)*?"""|' + r"'''.*?'''", re.DOTALL)
_KEY = re.compile(r"^[ \t]*(?:\[\[?(?P<table>[^\]\n]*)\]|(?P<key>[^=\n#\[]+)=)", re.MULTILINE)
_PART = re.compile(r'"([^"]*)"|\'([^\']*)\'|([^\s.\'"]+)')
_AT_LINE = re.compile(r" \(at (?:line (\d+), column \d+|end of document)\)$")


class Split(NamedTuple):
    """A SQL file in two: what stands in its header, and the SQL after it; lines count from 1."""

    header: str
    header_line: int
    sql: str
    sql_line: int


class HeaderSyntaxError(ValueError):
    """The header is not TOML; `line` counts within the header."""

    def __init__(self, message: str, line: int) -> None:
        super().__init__(message)
        self.line = line


def split(text: str) -> Split:
    """Part the header from the SQL; without a block comment before the SQL, the header is empty.

    Raises:
        HeaderSyntaxError: the comment never ends.
    """
    for kind, start, end in tokens(text):
        if kind == "comment":
            if end - start < len("/**/") or not text.endswith("*/", start, end):
                raise HeaderSyntaxError("the comment that holds the header never ends", line_of(text, start))
            return Split(text[start + 2 : end - 2], line_of(text, start), text[end:], line_of(text, end))
        if kind != "space":
            break
    return Split("", 1, text, 1)


def line_of(text: str, position: int) -> int:
    """Return the line, from 1, of an offset in characters."""
    return text.count("\n", 0, position) + 1


def parse(header: str) -> dict[str, Any]:
    """Read TOML; floats become Decimal, so that they keep their digits.

    Raises:
        HeaderSyntaxError: it is not TOML.
    """
    try:
        return tomllib.loads(header, parse_float=Decimal)
    except tomllib.TOMLDecodeError as error:
        message = str(error)
        found = _AT_LINE.search(message)
        line = int(found[1]) if found and found[1] else line_of(header, len(header))
        raise HeaderSyntaxError(_AT_LINE.sub("", message), line) from None


def key_lines(header: str) -> dict[tuple[str, ...], int]:
    """Return the line of every key and table, each under its whole path."""
    text = _MULTILINE_STRING.sub(lambda string: "\n" * string[0].count("\n"), header)
    lines: dict[tuple[str, ...], int] = {}
    table: tuple[str, ...] = ()
    for match in _KEY.finditer(text):
        path = tuple("".join(parts) for parts in _PART.findall(match["table"] or match["key"] or ""))
        if match["table"] is not None:
            table = path
        else:
            path = table + path
        for length in range(1, len(path) + 1):
            lines.setdefault(path[:length], line_of(text, match.end()))
    return lines


def locate(lines: Mapping[tuple[str, ...], int], path: Sequence[str | int]) -> int:
    """Return the line of a key, else that of the nearest table around it, else the header's first."""
    names = tuple(str(part) for part in path)
    return next((lines[names[:n]] for n in range(len(names), 0, -1) if names[:n] in lines), 1)
