"""The name under which a client stores an export (RFC 6266, RFC 8187)."""

import re
from collections.abc import Iterable
from itertools import accumulate
from urllib.parse import quote

_UNSAFE = re.compile(r'[\x00-\x1f\x7f-\x9f/\\:*?"<>|\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff]')
"""Also what turns the direction of writing, so that `gpj.exe` would be shown as `exe.jpg`."""
_LEADING = " .-"
"""A program that is given the name would take it for a hidden file, or for an option."""
_RESERVED = re.compile(r"(con|prn|aux|nul|(com|lpt)[0-9¹²³])(?=\.|$)", re.IGNORECASE)
"""What Windows takes for a device, whatever its extension: learn.microsoft.com/windows/win32/fileio/naming-a-file."""
_LONGEST = 230
"""Bytes; file systems allow 255, and wget cuts what has more than 236, or than some 135 that are not ASCII."""


def file_name(wanted: str, extension: str) -> str:
    """Return a plain name on every file system, also for a client that trusts it blindly, with this extension.

    It has at most `_LONGEST` bytes, and ends with the extension (`.csv.gz`) once, if `wanted` ends with it or with the
    beginning of it (`.csv`).
    """
    # Cut first: to replace 60,000 characters takes 10 ms.
    name = _UNSAFE.sub("_", _without(wanted.lstrip(_LEADING)[: 2 * _LONGEST].rstrip(" ."), extension))
    name = _RESERVED.sub(r"\1_", name, count=1) if _RESERVED.match(name) else name
    sizes = accumulate(map(_size, name))
    short = name[: sum(size <= _LONGEST - len(extension) for size in sizes)]
    return (short.rstrip(" .") or "export") + extension


def _size(character: str) -> int:
    """Return how much of a name's room a character takes; wget has less for what is not ASCII."""
    return 1 if character.isascii() else 2 * len(character.encode(errors="replace"))


def _without(name: str, extension: str) -> str:
    """Return the name without the extension, or without the beginning of it that ends the name."""
    parts = extension.split(".")
    endings = [".".join(parts[:count]) for count in range(len(parts), 1, -1)]
    ending = next((ending for ending in endings if name.lower().endswith(ending)), "")
    return name[: len(name) - len(ending)]


def default_name(dataset: str, arguments: Iterable[str], date: str) -> str:
    """Return `dataset-argument-…-date`, without an extension."""
    return "-".join([dataset, *arguments, date])


def attachment(name: str) -> str:
    """Return the Content-Disposition: an ASCII fallback, and the exact name when it differs."""
    fallback = name.encode("ascii", "replace").decode().replace("?", "_").replace("%", "_")
    if fallback == name:
        return f'attachment; filename="{name}"'
    return f"attachment; filename=\"{fallback}\"; filename*=UTF-8''{quote(name, safe='')}"
