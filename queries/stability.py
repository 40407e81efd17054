"""Whether a query gives the same rows each time it runs in one snapshot, according to its plan and the catalogue."""

import re
from collections.abc import Iterator
from typing import Any, NamedTuple

from queries.connection import Connection
from queries.errors import translated
from queries.lexer import tokens

_NAMES = ("Node Type", "Relation Name", "Schema", "Alias", "Index Name", "CTE Name", "Subplan Name", "Function Name")
"""The entries of a plan that are not expressions."""

_MOMENT = re.compile(r"\W*(now|today|tomorrow|yesterday)\b", re.IGNORECASE)
"""https://www.postgresql.org/docs/current/datatype-datetime.html#DATATYPE-DATETIME-SPECIAL-VALUES"""

_CLOCKS = frozenset({"current_date", "current_time", "current_timestamp", "localtime", "localtimestamp"})
"""Keywords, which are in no catalogue."""

_STEADY = (
    *("current_database", "current_schema", "current_user", "session_user", "system_user", "getpgusername", "version"),
    *("pg_client_encoding", "pg_is_in_recovery", "pg_postmaster_start_time", "pg_conf_load_time", "inet_server_addr"),
    *("inet_server_port", "pg_current_snapshot", "txid_current_snapshot"),
)
"""Built-in functions without arguments that return the same on all connections of an export. Others are stable within
one statement only: now(), pg_backend_pid()."""

_UNSTABLE = """
SELECT proname::pg_catalog.text
FROM ROWS FROM (pg_catalog.unnest($1::pg_catalog.text[]), pg_catalog.unnest($2::pg_catalog.text[]))
    AS called (schema, name)
JOIN pg_catalog.pg_proc p ON p.proname OPERATOR(pg_catalog.=) called.name
JOIN pg_catalog.pg_namespace n ON n.oid OPERATOR(pg_catalog.=) p.pronamespace
WHERE (n.nspname OPERATOR(pg_catalog.=) called.schema
        OR called.schema IS NULL AND pg_catalog.pg_function_is_visible(p.oid))
    AND (p.provolatile OPERATOR(pg_catalog.=) 'v'
        OR p.provolatile OPERATOR(pg_catalog.=) 's' AND p.pronargs OPERATOR(pg_catalog.=) 0
            AND n.nspname OPERATOR(pg_catalog.=) 'pg_catalog'
            AND p.proname OPERATOR(pg_catalog.<>) ALL ($5::pg_catalog.text[]))
UNION
SELECT oprname::pg_catalog.text FROM pg_catalog.pg_operator o
JOIN pg_catalog.pg_proc p ON p.oid OPERATOR(pg_catalog.=) oprcode::pg_catalog.oid
JOIN pg_catalog.pg_namespace n ON n.oid OPERATOR(pg_catalog.=) oprnamespace
WHERE oprname OPERATOR(pg_catalog.=) ANY ($3::pg_catalog.text[]) AND p.provolatile OPERATOR(pg_catalog.=) 'v'
    AND (pg_catalog.pg_operator_is_visible(o.oid) OR n.nspname OPERATOR(pg_catalog.=) ANY ($4::pg_catalog.text[]))
UNION
SELECT t.typname::pg_catalog.text FROM pg_catalog.pg_cast
JOIN pg_catalog.pg_proc p ON p.oid OPERATOR(pg_catalog.=) castfunc
JOIN pg_catalog.pg_type t ON t.oid OPERATOR(pg_catalog.=) casttarget
WHERE t.typname OPERATOR(pg_catalog.=) ANY ($4::pg_catalog.text[]) AND p.provolatile OPERATOR(pg_catalog.=) 'v'
ORDER BY 1
"""


_SYMBOLS = frozenset("~!@#^&|`?+-*/%<>=")
"""The characters of operators (PostgreSQL, "Operators")."""


class _Words(NamedTuple):
    """The words of expressions, by where they are looked up."""

    functions: set[tuple[str | None, str]]
    operators: set[str]
    identifiers: set[str]
    moments: set[str]


async def unstable(connection: Connection, sql: str, plan: Any) -> list[str]:
    """Return what makes a query give other rows each time or on each connection; empty if its rows are always the same.

    User-defined functions that are marked STABLE or IMMUTABLE are trusted to be so.

    Args:
        connection: one that could run the query.
        sql: the query, with literals or `$1`…`$n` for its arguments.
        plan: its verbose plan, which shows what views and functions in SQL hide; if None, only the text is checked.
    """
    words = _Words(set(), set(), set(), set())
    for expression in [sql, *_expressions(plan)]:
        _read(expression, words)
    found = sorted(words.moments | (words.identifiers & _CLOCKS))
    found += ["TABLESAMPLE"] if plan is not None and _samples(plan) else []
    schemas, names = zip(*words.functions, strict=True) if words.functions else ((), ())
    with translated():
        looked_up = (schemas, names, list(words.operators), list(words.identifiers), _STEADY)
        rows = await connection.fetch(_UNSTABLE, *looked_up)
    return [*found, *(row[0] for row in rows)]


def _expressions(plan: Any) -> Iterator[str]:
    """Yield all expressions of a plan."""
    if isinstance(plan, dict):
        for key, value in plan.items():
            if key not in _NAMES:
                yield from _expressions(value)
    elif isinstance(plan, list):
        for value in plan:
            yield from _expressions(value)
    elif isinstance(plan, str):
        yield plan


def _samples(plan: Any) -> bool:
    return plan["Node Type"] == "Sample Scan" or any(map(_samples, plan.get("Plans", ())))


def _read(expression: str, words: _Words) -> None:
    path: list[str] = []
    previous, symbol = "", ""
    for kind, start, end in tokens(expression):
        text = expression[start:end]
        if kind == "operator" and text in _SYMBOLS:
            symbol += text
            continue
        words.operators.add(symbol)
        symbol = ""
        if kind in ("space", "comment"):
            continue
        if kind in ("identifier", "quoted"):
            name = text.lower() if kind == "identifier" else text[1:-1].replace('""', '"')
            words.identifiers.add(name)
            path = [*path, name] if previous == "." else [name]
        elif text != ".":
            if text == "(" and path:
                words.functions.add((path[-2] if len(path) > 1 else None, path[-1]))
            path = []
        if kind == "string" and _MOMENT.match(text):
            words.moments.add(text)
        previous = text
