"""A lexer that follows PostgreSQL's `scan.l` (standard_conforming_strings on), and finds placeholders."""

import re
from collections.abc import Iterator
from typing import NamedTuple

_TOKEN = re.compile(
    r"""
      (?P<space>        [ \t\n\r\f\v]+ | --[^\n\r]* )
    | (?P<comment>      /\* )
    | (?P<string>
          [eE]' (?: [^\\']++ | \\. | '' )*+ (?:' | \Z) (?: CONTINUED (?: [^\\']++ | \\. | '' )*+ (?:' | \Z) )*+
        | (?: [bBxX] | [uU]& )?' (?: [^']++ | '' )*+ (?:' | \Z) (?: CONTINUED (?: [^']++ | '' )*+ (?:' | \Z) )*+
        | \$(?P<tag> (?: START (?: START | [0-9] )* )? )\$ .*? (?: \$(?P=tag)\$ | \Z ) )
    | (?P<quoted>       (?: [uU]& )?" (?: [^"] | "" )*+ (?:" | \Z) )
    | (?P<identifier>   START (?: START | [0-9$] )*+ )
    | (?P<number>       \$[0-9]+ )
    | (?P<operator>     :: | . )
    """.replace("START", r"[A-Za-z_\x80-\U0010ffff]").replace(
        # A literal goes on after white space with a newline in it, and comments of one line.
        "CONTINUED",
        r"(?: [ \t\f\v] | --[^\n\r]* )*+ [\n\r] (?: [ \t\n\r\f\v] | --[^\n\r]*[\n\r] )*+ '",
    ),
    re.VERBOSE | re.DOTALL,
)
_COMMENT_EDGE = re.compile(r"/\*|\*/")


class Token(NamedTuple):
    """A piece of SQL, `sql[start:end]`; `kind` is a group of the lexer: `number` means `$1`, `quoted` an identifier."""

    kind: str
    start: int
    end: int


class Placeholder(NamedTuple):
    """A colon and the name right after it, `sql[start:end]`; `depth` counts the square brackets around it."""

    name: str
    start: int
    end: int
    depth: int


def tokens(sql: str) -> Iterator[Token]:
    """Split SQL into tokens that cover all of it; an unterminated string or comment ends with the text."""
    end = 0
    while match := _TOKEN.match(sql, end):
        kind, start, end = str(match.lastgroup), match.start(), match.end()
        if kind == "comment":
            end = _comment_end(sql, end)
        yield Token(kind, start, end)


def _comment_end(sql: str, position: int) -> int:
    depth = 1
    for edge in _COMMENT_EDGE.finditer(sql, position):
        depth += 1 if edge[0] == "/*" else -1
        if not depth:
            return edge.end()
    return len(sql)


def placeholders(sql: str) -> list[Placeholder]:
    """Find every single colon followed by an identifier, outside strings, quoted identifiers and comments."""
    found: list[Placeholder] = []
    depth, colon = 0, None
    for kind, start, end in tokens(sql):
        if kind == "identifier" and colon is not None:
            found.append(Placeholder(sql[start:end], colon, end, depth))
        text = sql[start:end] if kind == "operator" else ""
        colon = start if text == ":" else None
        depth = max(0, depth + (text == "[") - (text == "]"))
    return found


def trimmed(sql: str) -> str:
    """Return the SQL without its final semicolons, and without comments and white space at its end."""
    length = 0
    for kind, start, end in tokens(sql):
        if kind not in ("space", "comment") and sql[start:end] != ";":
            length = end
    return sql[:length]
