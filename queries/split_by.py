"""Whether a query can be divided into ranges of its `split_by` key, as far as its text tells."""

from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import NamedTuple

from queries.binding import SqlFault
from queries.lexer import tokens, trimmed


class _Word(NamedTuple):
    """A token except white space: an identifier's name, else the text; `depth` counts the parentheses around it."""

    kind: str
    text: str
    position: int
    depth: int

    def is_keyword(self, *texts: str) -> bool:
        """Return whether it is one of these keywords, outside all parentheses."""
        return self.kind == "identifier" and self.depth == 0 and self.text in texts


def faults(sql: str, key: str) -> list[SqlFault]:
    """Find what would make the parts of a query, in the order of `key`, differ from the query's own rows.

    That is another order, or a limit. Functions such as random() are found with the database (`queries.stability`).
    """
    words = [*_words(trimmed(sql)), _Word("end", "", len(sql), 0)]
    return [SqlFault((), word.position, f"split_by: {message}") for word, message in _wrong(words, key)]


def _wrong(words: Sequence[_Word], key: str) -> Iterator[tuple[_Word, str]]:
    if words[0].text == "(":
        yield words[0], "remove the parentheses around the query: they hide its order"
    for place, (word, following) in enumerate(pairwise(words)):
        if word.is_keyword("limit", "offset", "fetch"):
            yield word, f"a query with {word.text.upper()} cannot be divided: remove one of the two"
        elif word.is_keyword("order") and following.is_keyword("by") and not _ascending(words[place + 2 :], key):
            yield word, f'the parts come in the order of "{key}", so ORDER BY must begin with it, ascending'


def _ascending(words: Sequence[_Word], key: str) -> bool:
    """Return whether a list of sort keys begins with the output column `key`, NULLs last; `t.key` may be another."""
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
