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
"""How some line of a header begins, also of one in the style of Javadoc: `key =`, or `[table]`."""
_KNOWN = rf"""^[ \t*{{]*(?: \[+ (?:KEYS) [.\]] | ["']?(?:KEYS)["']? {_MORE_PARTS} [=:] )"""
"""What can hardly be anything else, be it YAML or JSON."""
_NESTED = (
    "/* begins a comment within the comment, also in a string or after #, and that one needs a */ of its own: "
    'write "/\\u002a" in a string'
)
_ENDED = 'the first */ ends the header, also in a string or after #: write "*\\u002f" in a string'
_NO_HEADER = "if that comment is no header, write it with -- before each line"
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
    """There is no telling the header, or it is not TOML; `line` counts within what was read, from 1."""

    def __init__(self, message: str, line: int) -> None:
        super().__init__(message)
        self.line = line


def split_file(text: str, keys: Collection[str]) -> SqlFile:
    """Part the header from the SQL; without a comment that looks like one before the SQL, the header is empty.

    Others may stand around it: a licence, hints to an optimizer (`/*+ … */`) below it. `keys` are those of a header.

    Raises:
        HeaderSyntaxError: a comment never ends, or the header cannot be parted from what is around it.
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
            raise HeaderSyntaxError("a second header: put all keys into the first", line_of(text, start))
        elif not found and any_key.search(inner):
            if hint is not None:
                raise HeaderSyntaxError("a hint above the header is not sent: move it below", line_of(text, hint))
            found = SqlFile(inner, line_of(text, start), text[end:], line_of(text, end))
            _refuse_second_end(found)
    return found or SqlFile("", 1, text, 1)


def _comments(text: str) -> Iterator[tuple[int, int]]:
    """Yield where each block comment before the SQL begins and ends."""
    for kind, start, end in tokens(text):
        if kind == "comment":
            if end - start < len("/**/") or not text.endswith("*/", start, end):
                raise HeaderSyntaxError(_endless(text, start), line_of(text, start))
            yield start, end
        elif kind != "space":
            return


def _endless(text: str, start: int) -> str:
    message = "the comment never ends: write */ behind it"
    nested = text.find("/*", start + 2)
    return message if nested < 0 else f"{message}, and one for each /* within it (line {line_of(text, nested)})"


def _refuse_second_end(found: SqlFile) -> None:
    """Refuse SQL in which a comment ends that has not begun there: the rest of the header."""
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
        HeaderSyntaxError: it is not TOML; it says what to do about that.
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
    """Return the line of every key and table, each under its whole path."""
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
