"""Patterns of parameters: linear in the text, told in time when they are none, and told to others as they are."""

import re
import warnings
from typing import Any

import pytest
from pydantic import ValidationError

from queries.declaration import Parameter
from queries.ecma import ecma
from queries.parameters import json_schema
from queries.patterns import LONGEST_TEXT, check, matches


def parameter(pattern: str, **declared: Any) -> Parameter:
    return Parameter.model_validate({"name": "p", "type": "text", "pattern": pattern, **declared})


@pytest.mark.parametrize(
    "pattern", [r"(\w+\s?)+", r"(a+)+", r"(a|aa)+", r"(a|a)*", r"(.*)*x", r"(a*)*b", r"([a-z]+)*\d"]
)
def test_what_takes_others_for_ever_is_over_at_once(pattern: str) -> None:
    """Backtracking would try a path for each way to divide the letters, and run into the test's time limit."""
    declared = parameter(pattern)
    for text in ("a" * 28 + "!", "a" * (LONGEST_TEXT - 1) + "!"):
        with pytest.raises(ValueError, match="expected text that matches"):
            declared.parse([text])


def test_the_whole_text_has_to_match() -> None:
    assert parameter("a|ab").parse(["ab"]) == "ab"
    assert parameter("(?m)^a$").parse(["a"]) == "a"
    for text in ("ab\n", "xab", "ab\nab", "", "ab\0"):
        with pytest.raises(ValueError, match="expected text"):
            parameter("(?m)^(a|ab)$").parse([text])


def test_a_text_that_is_too_long_is_not_looked_at() -> None:
    declared = parameter("ü*")
    assert declared.parse(["ü" * LONGEST_TEXT])
    with pytest.raises(ValueError, match=r"expected at most 1,000 characters, got 'ü{60}…'"):
        declared.parse(["ü" * (LONGEST_TEXT + 1)])
    with pytest.raises(ValueError, match="at most"):
        parameter("a*", type="text[]").parse(["a", "a" * (LONGEST_TEXT + 1)])
    assert Parameter(name="p", type="text").parse(["x" * 50_000])


def test_letters_count_whatever_bytes_they_have() -> None:
    assert matches("....", "aü€😀")
    assert matches(r"\pL+", "Zürich")
    assert not matches(".", "ab")


@pytest.mark.parametrize(
    ("pattern", "text", "python"),
    [
        (r"\d", "\u0661", True),
        (r"\w+", "Zürich", True),
        (r"\s", "\u00a0", True),
        (r"\s", "\v", True),
        ("a$", "a\n", False),
        ("[[:alpha:]]", "x", False),
        (r"(?i)k", "\u212a", True),
    ],
)
def test_where_it_differs_from_python(pattern: str, text: str, python: bool) -> None:
    """What docs/datasets.md says of letters and digits: these classes are ASCII, \\pL and \\pN are not."""
    with warnings.catch_warnings(action="ignore"):
        assert bool(re.fullmatch(pattern, text)) is python
    same = pattern in ("a$", r"(?i)k")
    assert matches(pattern, text) is (python if same else not python)


@pytest.mark.parametrize(
    ("pattern", "told"),
    [
        (r"(a)\1", "backreferences are not"),
        (r"(?P<a>x)(?P=a)", "backreferences are not"),
        ("(?=a)b", "look-around is not"),
        ("(?!a)b", "look-around is not"),
        ("(?<=a)b", "look-around is not"),
        ("(?<!a)b", "look-around is not"),
        ("a*+b", "possessive repetitions are not"),
        ("(?>a)b", "possessive repetitions are not"),
        (r"a\Z", r"remove \\Z"),
        ("(?x) a", "only the flags"),
        (r"\u00fc", "the character itself"),
        ("a{,3}", r"write \{0,3\}"),
        (r"a\\{,3}", r"write \{0,3\}"),
        ("a{1001}", "1000"),
        ("(a{40}){40}", "1000"),
        (r"\pL{1,400}", "fewer repetitions"),
        ("a" * 1001, "1,000 characters"),
        ("\ud800", "Unicode"),
        ("(", r"missing \): \("),
        ("[a", "missing ]"),
        ("a**", "bad repetition"),
    ],
)
def test_what_cannot_be_matched_is_refused_and_told_what_to_write(pattern: str, told: str) -> None:
    with pytest.raises(ValidationError, match=told) as refused:
        parameter(pattern)
    assert [fault["loc"] for fault in refused.value.errors()] == [("pattern",)]
    with pytest.raises(ValueError, match=told):
        check(pattern)


TEXTS = [
    "", *"ab09_Z.-{}[]()^$|/\\,: \t\n\r\v\f", "\u0661", "\u00fc", "\u00a0", "\u2028",
    "ab", "a\n", "a.b", "_-.", "a{x}", "2024-01", "ann@b.c", "aab", "a]b}",
]  # fmt: skip


@pytest.mark.parametrize(
    "pattern",
    [
        "", "[a-z]+", r"\d{4}-\d\d", ".*", "..", r"[\w.-]+@[\w.]+", r"\s", r"\S\W?", r"\D+", "[]a]", "[^]a]", "[[a]",
        "[^^]", "a{x}", "a]b}", r"\_\-\.", r"[\-\]\\[]+", r"\Aa\z", "[:a]+", "(a|b)*?", "a{2,}b", r"\bab\b", "a||b",
        r"[\s\d]", r"\$|\^", "[$^.|]", "a/b|/", r"\{\}|[{}]", r"\t|\v|\f", "(?:a|b)+",
    ],
)  # fmt: skip
def test_others_are_told_a_pattern_of_the_same_texts(pattern: str) -> None:
    """In words that mean the same in ECMA-262, which was compared with node's, and in Python."""
    check(pattern)
    told = ecma(pattern)
    assert told is not None
    with warnings.catch_warnings(action="ignore"):
        assert [text for text in TEXTS if re.search(told[:-1] + r"\Z", text)] == [
            text for text in TEXTS if matches(pattern, text)
        ]


@pytest.mark.parametrize(
    ("pattern", "told"),
    [
        (r"\pL+[\p{Lu}\pN]", r"^(?:\p{L}+[\p{Lu}\p{N}])$"),
        (r"\P{Greek}", r"^(?:\P{Script=Greek})$"),
        (r"\x{fc}\xfc", r"^(?:\u{fc}\u{fc})$"),
        ("(?P<y>a)(?<z>b)", "^(?:(?<y>a)(?<z>b))$"),
        ("(?i)a", None),
        ("(?s:a.b)", None),
        ("[[:alpha:]]", None),
        (r"[\D]", None),
        (r"\Q.\E", None),
        (r"\077", None),
    ],
)
def test_what_has_words_of_its_own_there_and_what_has_none(pattern: str, told: str | None) -> None:
    check(pattern)
    schema = json_schema(parameter(pattern))
    assert schema == {"type": "string", "maxLength": LONGEST_TEXT} | ({"pattern": told} if told else {})
