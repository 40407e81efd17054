"""Patterns of parameters: regular expressions that are matched in time linear in the text, whatever they are.

The syntax is RE2's, https://github.com/google/re2/wiki/Syntax. See docs/decisions/linear-patterns.md.
"""

import re
from functools import lru_cache
from typing import Any

import re2

LONGEST_TEXT = 1_000
"""Characters that a pattern is matched with."""

_LONGEST_PATTERN = 1_000
_MEMORY = 2 << 20
"""Bytes for each pattern: its program, and the states that it has been in."""

_HINTS = {
    r"\(\?<?[=!]": "there is no look-around; say what the text may be, or compare in the SQL",
    r"\\[1-9]|\(\?P$": "there are no backreferences; compare in the SQL",
    r"\\Z": r"the whole text has to match, so leave \Z out",
    r"[*+?}]\+$|\(\?>": "there are no possessive repetitions; write * for *+, and (?:…) for (?>…)",
    r"\\[uUN]": r"write the character itself, or \x{1F600}",
    r"\{\d": "a repetition counts up to 1000, those inside of it included",
    r"\(\?[aLux#]": "of flags there are i, m and s",
}
"""What to write instead of what was quoted as wrong."""

_OPEN_REPETITION = re.compile(r"(?<!\\)(?:\\\\)*\{,\d+\}")


def check(pattern: str) -> None:
    """Make sure that a pattern can be matched with.

    Raises:
        ValueError: it is none, or takes too much memory; what to write instead.
    """
    if len(pattern) > _LONGEST_PATTERN:
        raise ValueError(f"a pattern has at most {_LONGEST_PATTERN:,} characters")
    # Python's meaning; RE2 and JavaScript would take it for seven plain characters.
    if _OPEN_REPETITION.search(pattern):
        raise ValueError("a repetition has a first number: write {0,3} for {,3}")
    _compiled(pattern)


def matches(pattern: str, text: str) -> bool:
    """Return whether the whole text is of the pattern, which is one; the text has no lone surrogate."""
    return _compiled(pattern).fullmatch(text.encode()) is not None


@lru_cache(1024)  # more than a catalogue has; those of one that is served no more make room
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
        return "too large: count fewer repetitions, or of classes with fewer characters than \\pL has"
    hint = next((f"; {hint}" for quoted, hint in _HINTS.items() if re.search(quoted, said)), "")
    return f"not a regular expression of RE2: {said}{hint}"
