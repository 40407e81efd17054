"""Patterns of parameters: regular expressions that are always matched in linear time.

The syntax is RE2's, https://github.com/google/re2/wiki/Syntax. See docs/decisions/linear-patterns.md.
"""

import re
from functools import lru_cache
from typing import Any

import re2

LONGEST_TEXT = 1_000
"""The most characters of a text that is matched."""

_LONGEST_PATTERN = 1_000
_MEMORY = 2 << 20
"""The most bytes for one pattern: its program and its cached states."""

_HINTS = {
    r"\(\?<?[=!]": "look-around is not supported; describe the whole text, or check it in the SQL",
    r"\\[1-9]|\(\?P$": "backreferences are not supported; check it in the SQL",
    r"\\Z": r"the whole text must match, so remove \Z",
    r"[*+?}]\+$|\(\?>": "possessive repetitions are not supported; write * for *+, and (?:…) for (?>…)",
    r"\\[uUN]": r"write the character itself, or \x{1F600}",
    r"\{\d": "a repetition may count up to 1000, including those inside it",
    r"\(\?[aLux#]": "only the flags i, m and s are supported",
}
"""What to write instead, by what RE2's message quotes."""

_OPEN_REPETITION = re.compile(r"(?<!\\)(?:\\\\)*\{,\d+\}")


def check(pattern: str) -> None:
    """Make sure that a pattern can be used.

    Raises:
        ValueError: it is not valid, or takes too much memory; the message says what to write instead.
    """
    if len(pattern) > _LONGEST_PATTERN:
        raise ValueError(f"a pattern may have at most {_LONGEST_PATTERN:,} characters")
    # Python's meaning; RE2 and JavaScript would take it for seven plain characters.
    if _OPEN_REPETITION.search(pattern):
        raise ValueError("a repetition needs a first number: write {0,3} for {,3}")
    _compiled(pattern)


def matches(pattern: str, text: str) -> bool:
    """Return whether the whole text matches. The pattern must be valid, and the text have no lone surrogate."""
    return _compiled(pattern).fullmatch(text.encode()) is not None


@lru_cache(1024)  # more than a catalogue has; those of an earlier catalogue are dropped
def _compiled(pattern: str) -> Any:
    options = re2.Options()
    options.max_mem = _MEMORY
    options.never_capture = True
    options.log_errors = False
    try:
        return re2.compile(pattern.encode(), options)
    except UnicodeEncodeError:
        raise ValueError("not valid Unicode text") from None
    except re2.error as error:
        raise ValueError(_reason(error.args[0].decode())) from None


def _reason(said: str) -> str:
    if "too large" in said:
        return "too large: use fewer repetitions, or classes with fewer characters than \\pL"
    hint = next((f"; {hint}" for quoted, hint in _HINTS.items() if re.search(quoted, said)), "")
    return f"not a valid regular expression (RE2): {said}{hint}"
