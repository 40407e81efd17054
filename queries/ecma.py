"""A pattern in the words of ECMA-262, which JSON Schema has for its own (JSON Schema Validation, section 6.3.3)."""

import re
import string

_ESCAPE = r"\\[pP]\{\w+\}|\\[pP][A-Z]|\\x\{[0-9A-Fa-f]+\}|\\x[0-9A-Fa-f]{2}|\\."
_OUTSIDE = re.compile(rf"{_ESCAPE}|\(\?P?<\w+>|\(\?:|\(\?|\{{\d+(?:,\d*)?\}}|\[\^?\]?|.", re.DOTALL)
_INSIDE = re.compile(rf"{_ESCAPE}|\[:|.", re.DOTALL)
"""The tokens outside and inside of a class in brackets; a class may begin with a bracket that closes nothing."""

_ASCII = {"d": "0-9", "w": "0-9A-Za-z_", "s": r"\t\n\f\r "}
"""What RE2 takes these classes for; in other dialects they have more letters, digits and spaces."""

_WORDS = {
    **{rf"\{name}": f"[{class_}]" for name, class_ in _ASCII.items()},
    **{rf"\{name.upper()}": f"[^{class_}]" for name, class_ in _ASCII.items()},
    **{rf"\{name}": rf"\{name}" for name in "bB"},
    "\\A": "^", "\\z": "$", ".": r"[^\n]", "{": r"\{", "}": r"\}", "]": r"\]",
}  # fmt: skip
_WORDS_IN_CLASS = {rf"\{name}": class_ for name, class_ in _ASCII.items()} | {"[": r"\["}
_SYNTAX = "^$\\.*+?()[]{}|/-"
"""What may be escaped with Unicode on; `-` in a class only."""


class _Untold(Exception):
    """ECMA-262 has no word for it that other dialects share."""


def ecma(pattern: str) -> str | None:
    r"""Return what whole texts match that are of a pattern, for a validator with Unicode on.

    None where that cannot be told: of flags, POSIX classes, octal numbers, `\Q`, and `\D` and the like within a class.
    """
    words, position, in_class = [], 0, False
    try:
        while token := (_INSIDE if in_class else _OUTSIDE).match(pattern, position):
            words.append(_in_class(token[0]) if in_class else _outside(token[0]))
            in_class = token[0] != "]" if in_class else token[0].startswith("[")
            position = token.end()
    except _Untold:
        return None
    return f"^(?:{''.join(words)})$"


def _outside(token: str) -> str:
    if token in _WORDS:
        return _WORDS[token]
    if token.startswith("\\"):
        return _escaped(token, in_class=False)
    if token == "(?":  # noqa: S105 - of a pattern
        raise _Untold
    return token.replace("(?P<", "(?<") if token.startswith("(") else token.replace("]", r"\]")


def _in_class(token: str) -> str:
    if token == "[:":  # noqa: S105 - of a pattern
        raise _Untold
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
    raise _Untold
