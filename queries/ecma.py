"""Translates a pattern into the syntax of ECMA-262, which JSON Schema uses (JSON Schema Validation, section 6.3.3)."""

import re
import string

_ESCAPE = r"\\[pP]\{\w+\}|\\[pP][A-Z]|\\x\{[0-9A-Fa-f]+\}|\\x[0-9A-Fa-f]{2}|\\."
_OUTSIDE = re.compile(rf"{_ESCAPE}|\(\?P?<\w+>|\(\?:|\(\?|\{{\d+(?:,\d*)?\}}|\[\^?\]?|.", re.DOTALL)
_INSIDE = re.compile(rf"{_ESCAPE}|\[:|.", re.DOTALL)
"""The tokens outside and inside a character class; a class may begin with a bracket that closes nothing."""

_ASCII = {"d": "0-9", "w": "0-9A-Za-z_", "s": r"\t\n\f\r "}
"""The meaning of these classes in RE2; in other dialects they include more letters, digits and spaces."""

_WORDS = {
    **{rf"\{name}": f"[{class_}]" for name, class_ in _ASCII.items()},
    **{rf"\{name.upper()}": f"[^{class_}]" for name, class_ in _ASCII.items()},
    **{rf"\{name}": rf"\{name}" for name in "bB"},
    "\\A": "^", "\\z": "$", ".": r"[^\n]", "{": r"\{", "}": r"\}", "]": r"\]",
}  # fmt: skip
_WORDS_IN_CLASS = {rf"\{name}": class_ for name, class_ in _ASCII.items()} | {"[": r"\["}
_SYNTAX = "^$\\.*+?()[]{}|/-"
"""What may be escaped in Unicode mode; `-` only in a class."""


class _NoEquivalent(Exception):
    """ECMA-262 has no equivalent that other dialects share."""


def ecma(pattern: str) -> str | None:
    r"""Return an expression that matches the same whole texts, for a validator in Unicode mode.

    None if there is none: for flags, POSIX classes, octal numbers, `\Q`, and `\D` and the like within a class.
    """
    words, position, in_class = [], 0, False
    try:
        while token := (_INSIDE if in_class else _OUTSIDE).match(pattern, position):
            words.append(_in_class(token[0]) if in_class else _outside(token[0]))
            in_class = token[0] != "]" if in_class else token[0].startswith("[")
            position = token.end()
    except _NoEquivalent:
        return None
    return f"^(?:{''.join(words)})$"


def _outside(token: str) -> str:
    if token in _WORDS:
        return _WORDS[token]
    if token.startswith("\\"):
        return _escaped(token, in_class=False)
    if token == "(?":  # noqa: S105 - of a pattern
        raise _NoEquivalent
    return token.replace("(?P<", "(?<") if token.startswith("(") else token.replace("]", r"\]")


def _in_class(token: str) -> str:
    if token == "[:":  # noqa: S105 - of a pattern
        raise _NoEquivalent
    known = _WORDS_IN_CLASS.get(token)
    return known or (_escaped(token, in_class=True) if token.startswith("\\") else token)


def _escaped(token: str, *, in_class: bool) -> str:
    kind, rest = token[1], token[2:].strip("{}")
    if kind in "pP" and rest:
        return f"\\{kind}{{{rest if len(rest) <= 2 else f'Script={rest}'}}}"  # noqa: PLR2004 - names of categories
    if kind == "x" and rest:
        return f"\\u{{{rest}}}"
    if kind in "tnfrv" or (kind in _SYNTAX and (in_class or kind != "-")):
        return token
    if kind in string.punctuation:
        return kind
    raise _NoEquivalent
