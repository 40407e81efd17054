"""Contradictions between a dataset's header and its SQL, and errors in the SQL that need no database to find."""

from collections.abc import Iterator, Mapping
from typing import Any

from queries import binding, split_by
from queries.binding import SqlFault
from queries.lexer import trimmed


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
    if isinstance(key, str):
        yield from split_by.faults(sql, key)


def _parameters(keys: Mapping[str, Any]) -> list[str]:
    declared = keys.get("parameters")
    return list(declared) if isinstance(declared, Mapping) else []
