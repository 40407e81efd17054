"""The name under which a client stores an export (RFC 6266, RFC 8187)."""

import re
from collections.abc import Iterable
from urllib.parse import quote

_UNSAFE = re.compile(r'[\x00-\x1f\x7f-\x9f/\\:*?"<>|\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff]')
"""Also what turns the direction of writing, so that `gpj.exe` would be shown as `exe.jpg`."""
_LONGEST = 150
"""Characters; file systems allow 255 bytes, and an extension and a copy's number must still fit."""


def safe_name(name: str) -> str:
    """Return a name that is a plain file name on every system, also for a client that trusts it blindly."""
    # Cut first: to replace 60,000 characters takes 10 ms.
    return _UNSAFE.sub("_", name.strip(" .")[:_LONGEST]) or "export"


def default_name(dataset: str, arguments: Iterable[str], date: str) -> str:
    """Return `dataset-argument-…-date`, without an extension."""
    return safe_name("-".join([dataset, *arguments, date]))


def attachment(name: str) -> str:
    """Return the Content-Disposition: an ASCII fallback, and the exact name when it differs."""
    fallback = name.encode("ascii", "replace").decode().replace("?", "_").replace("%", "_")
    if fallback == name:
        return f'attachment; filename="{name}"'
    return f"attachment; filename=\"{fallback}\"; filename*=UTF-8''{quote(name, safe='')}"
