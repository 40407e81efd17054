"""The file name of a download (RFC 6266, RFC 8187)."""

import re
from collections.abc import Iterable
from itertools import accumulate
from urllib.parse import quote

_UNSAFE = re.compile(r'[\x00-\x1f\x7f-\x9f/\\:*?"<>|\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff]')
"""Includes characters that change the writing direction, which would show `gpj.exe` as `exe.jpg`."""
_LEADING = " .-"
"""At the start, these would make a hidden file or look like an option to a program."""
_RESERVED = re.compile(r"(con|prn|aux|nul|(com|lpt)[0-9¹²³])(?=\.|$)", re.IGNORECASE)
"""Device names on Windows, with any extension: learn.microsoft.com/windows/win32/fileio/naming-a-file."""
_LONGEST = 230
"""Bytes; file systems allow 255, and wget shortens names of more than 236 bytes, or about 135 if not ASCII."""


def file_name(wanted: str, extension: str) -> str:
    """Return a name with this extension that is safe on every file system, even if a client trusts it blindly.

    It has at most `_LONGEST` bytes. The extension (`.csv.gz`) is not repeated if `wanted` ends with it or with its
    beginning (`.csv`).
    """
    # Shorten first: replacing 60,000 characters takes 10 ms.
    name = _UNSAFE.sub("_", _without(wanted.lstrip(_LEADING)[: 2 * _LONGEST].rstrip(" ."), extension))
    name = _RESERVED.sub(r"\1_", name, count=1) if _RESERVED.match(name) else name
    sizes = accumulate(map(_size, name))
    short = name[: sum(size <= _LONGEST - len(extension) for size in sizes)]
    return (short.rstrip(" .") or "export") + extension


def _size(character: str) -> int:
    """Return the bytes that a character counts for; wget has less room for names that are not ASCII."""
    return 1 if character.isascii() else 2 * len(character.encode(errors="replace"))


def _without(name: str, extension: str) -> str:
    """Return the name without the extension, or without the beginning of the extension that it ends with."""
    parts = extension.split(".")
    endings = [".".join(parts[:count]) for count in range(len(parts), 1, -1)]
    ending = next((ending for ending in endings if name.lower().endswith(ending)), "")
    return name[: len(name) - len(ending)]


def default_name(dataset: str, arguments: Iterable[str], date: str) -> str:
    """Return `dataset-argument-…-date`, without an extension."""
    return "-".join([dataset, *arguments, date])


def attachment(name: str) -> str:
    """Return the Content-Disposition: an ASCII fallback, and the exact name if it differs."""
    fallback = name.encode("ascii", "replace").decode().replace("?", "_").replace("%", "_")
    if fallback == name:
        return f'attachment; filename="{name}"'
    return f"attachment; filename=\"{fallback}\"; filename*=UTF-8''{quote(name, safe='')}"
