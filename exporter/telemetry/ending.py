"""The fields of a log line for how an export ended."""

import re
from typing import Any

from exporter.exports.observers import Ended, Origin

_TRACEPARENT = re.compile("00-(?!0{32})([0-9a-f]{32})-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}")
"""W3C Trace Context, section 3.2; only such text is put into a log or a span."""


def fields(ended: Ended) -> dict[str, Any]:
    """Return the fields that have a value; times are in seconds."""
    found = {
        "outcome": ended.outcome.name,
        "reason": ended.outcome.reason or None,
        "sqlstate": ended.outcome.sqlstate,
        "rows": ended.rows,
        "bytes": ended.bytes,
        "first_byte": ended.first_byte and round(ended.first_byte, 6),
        "seconds": round(ended.seconds, 6),
    }
    return {name: value for name, value in found.items() if value is not None}


def trace_id(origin: Origin, ended: Ended) -> str | None:
    """Return the trace that an export belongs to: its own, or else the caller's."""
    found = _TRACEPARENT.fullmatch(ended.traceparent or origin.traceparent or "")
    return found[1] if found else None


def is_traceparent(text: str) -> bool:
    """Return whether a text is a valid trace context of version 00."""
    return _TRACEPARENT.fullmatch(text) is not None
