"""Contradictions between a dataset's header and its SQL, and errors in the SQL that need no database to find."""

import re
from collections.abc import Iterator, Mapping
from typing import Any

from queries import binding, split_by
from queries.binding import SqlFault
from queries.lexer import trimmed

_SHARED = re.compile(r"\b(public|s-maxage|must-revalidate|proxy-revalidate)\b", re.IGNORECASE)
"""What lets a shared cache keep an answer that credentials were sent for (RFC 9111, section 3.5), and the like."""


def faults(sql: str, keys: Mapping[str, Any]) -> list[SqlFault]:
    """Return everything that is wrong with a dataset's SQL and its header together; the keys may be invalid."""
    return list(_of_table(sql, keys) if keys.get("table") is not None else _of_query(sql, keys))


def _of_table(sql: str, keys: Mapping[str, Any]) -> Iterator[SqlFault]:
    if trimmed(sql):
        yield SqlFault(("table",), None, "there are both a table and SQL: remove one")
    for name in _parameters(keys):
        yield SqlFault(("parameters", name), None, f"parameters.{name}: a table takes no parameters: remove it")
    if keys.get("split_by") is not None:
        yield SqlFault(("split_by",), None, "split_by: a table is divided by its pages: remove split_by")


def _of_query(sql: str, keys: Mapping[str, Any]) -> Iterator[SqlFault]:
    if not trimmed(sql):
        yield SqlFault((), 0, "no SQL: write a SELECT, or name a table in the header")
        return
    key = keys.get("split_by")
    if key is not None and keys.get("source") == "cursor":
        yield SqlFault(("split_by",), None, "split_by: a cursor uses one connection: remove split_by or source")
    yield from binding.faults(sql, _parameters(keys))
    yield from _of_caches(keys)
    if isinstance(key, str):
        yield from split_by.faults(sql, key)


def _of_caches(keys: Mapping[str, Any]) -> Iterator[SqlFault]:
    """Refuse caches on the way what differs between callers at one address."""
    allowed = keys.get("cache_control")
    if isinstance(allowed, str) and _SHARED.search(allowed) and any(map(_is_bound, _declared(keys).values())):
        message = "cache_control: what depends on the caller is for no shared cache: say private or no-store"
        yield SqlFault(("cache_control",), None, message)


def _is_bound(parameter: object) -> bool:
    """Return whether a parameter, which may be as it was written, takes its value from the caller's claims."""
    return "from" in parameter if isinstance(parameter, Mapping) else getattr(parameter, "from_", None) is not None


def _parameters(keys: Mapping[str, Any]) -> list[str]:
    return list(_declared(keys))


def _declared(keys: Mapping[str, Any]) -> Mapping[str, Any]:
    declared = keys.get("parameters")
    return declared if isinstance(declared, Mapping) else {}
