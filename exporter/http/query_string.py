"""The query string of an export: the dataset's arguments, and options, which begin with an underscore."""

import re
from collections.abc import Mapping

from exporter.problems import Fault, Problem, ProblemType

_BROKEN_ESCAPE = re.compile("%(?![0-9A-Fa-f]{2})")
_MOST_FIELDS = 2_000
_MOST_NAMES = 200
"""More are refused before they cost time on the event loop."""

_AND, _IS = "\u0100", "\u0101"
"""The separators in a decoded query string."""

Items = Mapping[str, list[str]]

SIGNATURE = ("_key", "_expires", "_signature")
"""The options that make a URL a signed one; signatures are checked before anything else."""

_SIGNED = re.compile(
    f"&(?:{'|'.join(''.join(f'(?:{letter}|(?i:%{ord(letter):02x}))' for letter in name) for name in SIGNATURE)})"
)
"""The beginning of a field with such a name; any letter may be percent-encoded."""


def parse(query_string: str) -> Items:
    """Return the values of each name, in order and including blank ones. The query string is decoded as Latin-1.

    Raises:
        Problem: it is not percent-encoded UTF-8, or too long.
    """
    malformed = Problem(
        ProblemType.MALFORMED_QUERY_STRING,
        f"Encode it as UTF-8, then percent-encode it; at most {_MOST_FIELDS} fields with {_MOST_NAMES} names.",
    )
    if query_string.count("&") >= _MOST_FIELDS or _BROKEN_ESCAPE.search(query_string):
        raise malformed
    items: dict[str, list[str]] = {}
    try:
        for field in filter(None, _decoded(query_string).split(_AND)):
            name, _, value = field.partition(_IS)
            items.setdefault(_text(name), []).append(_text(value))
    except ValueError as error:
        raise malformed from error
    if len(items) > _MOST_NAMES:
        raise malformed
    return items


def _decoded(query_string: str) -> str:
    """Return the decoded query string, each byte as a character, with separators that no byte can be.

    Decodes in C: urllib takes 30 ms for the longest.
    """
    escaped = query_string.replace("\\", r"\\").replace("%", r"\x").replace("+", " ")
    return escaped.replace("&", r"\u0100").replace("=", r"\u0101").encode("latin-1").decode("unicode_escape")


def _text(raw: str) -> str:
    raw = raw.replace(_IS, "=")
    # Characters that were not percent-encoded also arrive as UTF-8 bytes.
    return raw if raw.isascii() else raw.encode("latin-1").decode()


def may_be_signed(query_string: str) -> bool:
    """Return whether one of the signature's names could be in a query string that has not been parsed yet."""
    # A query string with more fields is refused anyway.
    return query_string.count("&") < _MOST_FIELDS and _SIGNED.search("&" + query_string) is not None


def split(items: Items) -> tuple[dict[str, list[str]], dict[str, list[str]]]:
    """Return the dataset's arguments, and the options without their underscore and without a URL's signature."""
    arguments = {name: values for name, values in items.items() if not name.startswith("_")}
    options = {name[1:]: values for name, values in items.items() if name.startswith("_") and name not in SIGNATURE}
    return arguments, options


def single(given: Mapping[str, list[str]]) -> tuple[dict[str, str], list[Fault]]:
    """Return the values of options, and a fault for each that is given more than once."""
    faults = [Fault(name, "may be given only once", is_option=True) for name, texts in given.items() if len(texts) > 1]
    return {name: texts[0] for name, texts in given.items()}, faults
