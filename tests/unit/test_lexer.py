"""The lexer finds placeholders where PostgreSQL's own scanner, as libpg_query has it, finds a colon and a name."""

import re
from itertools import pairwise

import pytest
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st
from pglast.parser import ParseError, scan

from queries.lexer import placeholders, tokens, trimmed

PIECES = [
    ":a", ":b1", ":é", ":E'", ":e", ":n'", ":B'", ":U&'", ':"q"', ":a$1", ":a$$", ":_x", ":select", "::", ":=", ":",
    ": a", ":::a", ":=:a", "a", "a$1", "é", "e", "E", "N", "u&", "x'", "E'", "e'", "n'", "b'", "X'0'", "U&'", 'U&"',
    "'", "''", "\\", "\\'", "\\\\", '"', '""', "$$", "$a$", "$ab$", "$é$", "$1", "$", "$a", "1", "1.5", "1e5",
    "0x1F", "--", "-", "--c\n", "/*", "*/", "/", "*", "+", "=", "<", "@", "|/", "/**/", "[", "]", "(", ")", ",", ";",
    ".", "\n", "\r", " ", "\t", "\f", "\n'", "'\n'", "' \n '", "'--c\n'", "'\n--c\n'", "'/**/\n'", "'\r'",
    "\n-- it's\n", "ARRAY[", "SELECT ", "😀", "\u00a0",
]  # fmt: skip
STATEMENTS = [
    "SELECT * FROM t WHERE a >= :since AND b < :until::date AND c = ANY(:ids)",
    "SELECT 'it''s', E'it\\'s :x', $$ :y $$, $t$ $$ :z $t$ FROM \"a:b\" WHERE x[1:n] = :n -- :c",
    "SELECT /* :a /* :b */ :c */ :d, U&'\\0041:e' UESCAPE '!', B'01', X'1F', N'n' /* :f */",
    "SELECT 'a'\n  -- it's a comment\n  ':b', E'c'\n'\\':d', a$1, f(x := :y, z => :z)\r\nFROM t;",
    "WITH q AS (SELECT ARRAY[:a, :b]::int[] AS r) SELECT r[:lower], r[:a:], json->>'k', @-:n, a::b::c FROM q",
]  # fmt: skip


def scanned(sql: str) -> list[tuple[str, int, int, int]]:
    """What PostgreSQL's scanner says: a colon, and a name that touches it; with the depth of brackets."""
    try:
        found = [token for token in scan(sql) if token.name not in ("SQL_COMMENT", "C_COMMENT")]
    except ParseError:
        assume(False)
    expected, depth = [], 0
    for colon, name in pairwise(found):
        depth = max(0, depth + (colon.name == "ASCII_91") - (colon.name == "ASCII_93"))
        if colon.name == "ASCII_58" and name.start == colon.end + 1:
            text = sql[name.start : name.end + 1]
            if (name.name == "IDENT" or name.kind != "NO_KEYWORD") and re.match(r"[A-Za-z_\x80-\U0010ffff]", text):
                expected.append((text, colon.start, name.end + 1, depth))
    return expected


@st.composite
def mutations(draw: st.DrawFn) -> str:
    sql = draw(st.sampled_from(STATEMENTS))
    for _ in range(draw(st.integers(1, 4))):
        start = draw(st.integers(0, len(sql)))
        end = start + draw(st.integers(0, 3))
        sql = sql[:start] + draw(st.sampled_from(["", *PIECES])) + sql[end:]
    return sql


def test_the_oracle_reads_offsets_in_characters() -> None:
    assert scanned("'é😀' :a") == [("a", 5, 7, 0)]


@settings(max_examples=20 * settings().max_examples)
@given(st.lists(st.sampled_from(PIECES), max_size=25).map("".join))
@example("E'a'\n'\\':a' :b")
@example("'a' --'\n':a' :b")
@example("$a$ $b$ :x $a$ :a")
@example("/* /* */ :x */ :a")
def test_fragments_agree_with_the_scanner_of_postgresql(sql: str) -> None:
    assert placeholders(sql) == scanned(sql)


@settings(max_examples=20 * settings().max_examples)
@given(mutations())
def test_mutated_statements_agree_with_the_scanner_of_postgresql(sql: str) -> None:
    assert placeholders(sql) == scanned(sql)


@given(st.lists(st.sampled_from(PIECES)).map("".join) | st.text())
def test_tokens_cover_every_text_without_a_gap(sql: str) -> None:
    assert "".join(sql[start:end] for _, start, end in tokens(sql)) == sql


@pytest.mark.parametrize("sql", ["'", "E'\\", '"', "$$", "$a$ $b$", "/* /* */", "'a'\n'", "U&'", "B'"])
def test_what_never_ends_hides_all_that_follows(sql: str) -> None:
    assert placeholders(sql + " :a") == []


@pytest.mark.parametrize("end", ["", ";", " ; \n", " -- the end", "; -- :x ' \n", "/* ' */;;\n/**/"])
def test_the_end_of_a_statement_is_trimmed(end: str) -> None:
    assert trimmed("SELECT ';' -- ;\n, :a" + end) == "SELECT ';' -- ;\n, :a"


def test_comments_alone_are_no_statement() -> None:
    assert trimmed("-- a\n/* b */ ;") == ""


@pytest.mark.parametrize("piece", ["'a''", "E'\\''", "/*", ":a ", '"a""', "--a\n", "'a'\n", "$a", "[", "0"])
def test_long_texts_take_linear_time(piece: str) -> None:
    # A quadratic pattern would run into the test's time limit here.
    placeholders(piece * 300_000)
