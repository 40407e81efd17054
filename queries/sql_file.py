"""A SQL file: its header, which is a TOML document in a block comment, the SQL after it, and the lines of both."""

import re
import tomllib
from collections.abc import Collection, Iterator, Mapping, Sequence
from decimal import Decimal
from typing import Any, NamedTuple

from queries.lexer import tokens

_PART = r"""(?: [\w-]+ | "(?:[^"\\\n]|\\.)*" | '[^'\n]*' )"""
_MORE_PARTS = rf"(?: [ \t]* \. [ \t]* {_PART} )* [ \t]*"
_TOML = rf"""^[ \t*]*(?: \[ .* \] [ \t\r]* (?: \#.* )? $ | {_PART} {_MORE_PARTS} = )"""
"""How a line of a header may begin, also in the style of Javadoc: `key =` or `[table]`."""
_KNOWN = rf"""^[ \t*{{]*(?: \[+ (?:KEYS) [.\]] | ["']?(?:KEYS)["']? {_MORE_PARTS} [=:] )"""
"""How a line begins that can only be meant as a header, even in YAML or JSON."""
_NESTED = (
    '/* begins a nested comment, even in a string or after #, which needs a */ of its own: write "/\\u002a" in a string'
)
_ENDED = 'the first */ ends the header, even in a string or after #: write "*\\u002f" in a string'
_NO_HEADER = "if that comment is not a header, begin each of its lines with --"
_MULTILINE_STRING = re.compile(r'"""(?:\\.|.)*?"""|' + r"'''.*?'''", re.DOTALL)
_KEY = re.compile(r"^[ \t]*(?:\[\[?(?P<table>[^\]\n]*)\]|(?P<key>[^=\n#\[]+)=)", re.MULTILINE)
_NAME = re.compile(r'"([^"]*)"|\'([^\']*)\'|([^\s.\'"]+)')
_AT_LINE = re.compile(r" \(at (?:line (\d+), column \d+|end of document)\)$")


class SqlFile(NamedTuple):
    """The text of a header and the SQL after it; lines count from 1."""

    header: str
    header_line: int
    sql: str
    sql_line: int


class HeaderSyntaxError(ValueError):
    """The header cannot be identified, or it is not TOML; `line` counts from 1 within the text that was read."""

    def __init__(self, message: str, line: int) -> None:
        super().__init__(message)
        self.line = line


def split_file(text: str, keys: Collection[str]) -> SqlFile:
    """Separate the header from the SQL; if no comment before the SQL looks like a header, it is empty.

    Other comments may come before and after it: a licence, or, after it, optimizer hints (`/*+ … */`). `keys` are the
    keys of a header.

    Raises:
        HeaderSyntaxError: a comment never ends, or it is not clear what belongs to the header.
    """
    known = re.compile(_KNOWN.replace("KEYS", "|".join(keys)), re.MULTILINE | re.VERBOSE)
    any_key = re.compile(f"{_TOML}|{known.pattern}", re.MULTILINE | re.VERBOSE)
    found: SqlFile | None = None
    hint: int | None = None
    for start, end in _comments(text):
        inner = text[start + 2 : end - 2]
        if inner.startswith("+"):
            hint = start if hint is None else hint
        elif found and known.search(inner):
            raise HeaderSyntaxError("a second header: put all keys into the first one", line_of(text, start))
        elif not found and any_key.search(inner):
            if hint is not None:
                raise HeaderSyntaxError("a hint above the header is not sent: move it below it", line_of(text, hint))
            found = SqlFile(inner, line_of(text, start), text[end:], line_of(text, end))
            _refuse_second_end(found)
    return found or SqlFile("", 1, text, 1)


def _comments(text: str) -> Iterator[tuple[int, int]]:
    """Yield the start and the end of each block comment before the SQL."""
    for kind, start, end in tokens(text):
        if kind == "comment":
            if end - start < len("/**/") or not text.endswith("*/", start, end):
                raise HeaderSyntaxError(_endless(text, start), line_of(text, start))
            yield start, end
        elif kind != "space":
            return


def _endless(text: str, start: int) -> str:
    message = "the comment never ends: close it with */"
    nested = text.find("/*", start + 2)
    return message if nested < 0 else f"{message}, once more for each /* within it (line {line_of(text, nested)})"


def _refuse_second_end(found: SqlFile) -> None:
    """Refuse SQL that contains the end of a comment without its beginning: it is the rest of the header."""
    star = None
    for kind, start, end in tokens(found.sql):
        if kind == "operator" and found.sql[start:end] == "/" and star == start:
            raise HeaderSyntaxError(_ENDED, found.sql_line)
        star = end if kind == "operator" and found.sql[start:end] == "*" else None


def line_of(text: str, position: int) -> int:
    """Return the line, from 1, of an offset in characters."""
    return text.count("\n", 0, position) + 1


def parse(header: str) -> dict[str, Any]:
    """Read TOML; floats become Decimal, so that they keep their digits.

    Raises:
        HeaderSyntaxError: it is not TOML; the message has a remedy.
    """
    try:
        return tomllib.loads(header, parse_float=Decimal)
    except tomllib.TOMLDecodeError as error:
        raise _not_toml(header, str(error)) from None


def _not_toml(header: str, message: str) -> HeaderSyntaxError:
    if (nested := header.find("/*")) >= 0:
        return HeaderSyntaxError(_NESTED, line_of(header, nested))
    found = _AT_LINE.search(message)
    line = int(found[1]) if found and found[1] else None
    remedy = _NO_HEADER if line else _ENDED
    return HeaderSyntaxError(f"{_AT_LINE.sub('', message)}; {remedy}", line or line_of(header, len(header)))


def key_lines(header: str) -> dict[tuple[str, ...], int]:
    """Return the line of every key and table, by its full path."""
    text = _MULTILINE_STRING.sub(lambda string: "\n" * string[0].count("\n"), header)
    lines: dict[tuple[str, ...], int] = {}
    table: tuple[str, ...] = ()
    for match in _KEY.finditer(text):
        path = tuple("".join(parts) for parts in _NAME.findall(match["table"] or match["key"] or ""))
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
