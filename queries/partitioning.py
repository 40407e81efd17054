"""Whether a query may be read in ranges of a key, as far as its text tells."""

import re
from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import NamedTuple

from queries.binding import SqlFault
from queries.lexer import tokens, trimmed

# Their values differ from one transaction to the next, or from one run to the next.
_CALLS = re.compile(
    "now|(transaction|statement|clock)_timestamp|timeofday|random|random_normal|setseed|gen_random_uuid|uuidv[47]"
    "|uuid_generate_.*|nextval|currval|lastval|txid_current|pg_current_xact_id"
)
_WORDS = re.compile("current_timestamp|current_date|current_time|localtimestamp|localtime|tablesample")


class _Word(NamedTuple):
    """A token that is no white space: an identifier's name, else its text; `depth` counts the brackets around it."""

    kind: str
    text: str
    position: int
    depth: int

    def is_keyword(self, *texts: str) -> bool:
        """Return whether it is one of these keywords, outside all brackets."""
        return self.kind == "identifier" and self.depth == 0 and self.text in texts


def faults(sql: str, key: str) -> list[SqlFault]:
    """Find what would make the parts of a query, in the order of `key`, other rows than the query's own.

    That is another order, a limit, and whatever gives each part another value. What views and functions hide is not
    seen.
    """
    words = [*_words(trimmed(sql)), _Word("end", "", len(sql), 0)]
    return [SqlFault(key, word.position, f"partition_by: {message}") for word, message in _wrong(words, key)]


def _wrong(words: Sequence[_Word], key: str) -> Iterator[tuple[_Word, str]]:
    if words[0].text == "(":
        yield words[0], "write the query without brackets around it, which hide its order"
    for place, (word, following) in enumerate(pairwise(words)):
        called = following.text == "(" and _CALLS.fullmatch(word.text)
        if word.kind == "identifier" and (called or _WORDS.fullmatch(word.text)):
            yield word, f"{word.text} gives the parts of the query different values; make it a parameter"
        elif word.is_keyword("limit", "offset", "fetch"):
            yield word, f"the parts of a query with {word.text.upper()} are not its rows"
        elif word.is_keyword("order") and following.is_keyword("by") and not _ascending(words[place + 2 :], key):
            yield word, f'the parts come in the order of "{key}", so ORDER BY must begin with it, ascending'


def _ascending(words: Sequence[_Word], key: str) -> bool:
    """Return whether a list of sort keys begins with the result's column `key`, NULLs last; `t.key` may be another."""
    direction, nulls = ([word.text for word in words[1:]] + ["", ""])[:2]
    ascending = direction in ("", ",") or (direction == "asc" and nulls in ("", ","))
    return words[0].kind in ("identifier", "quoted") and words[0].text == key and ascending


def _words(sql: str) -> Iterator[_Word]:
    depth = 0
    for kind, start, end in tokens(sql):
        text = sql[start:end]
        depth -= text == ")"
        if kind == "identifier":
            text = text.lower()
        elif kind == "quoted":
            text = text[1:-1].replace('""', '"')
        if kind not in ("space", "comment"):
            yield _Word(kind, text, start, depth)
        depth += sql[start:end] == "("
