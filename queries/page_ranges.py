"""A table divided into ranges of pages, which the server reads by TID Range Scan (since PostgreSQL 14).

In order, the ranges give the same rows in the same order as one sequential scan of the table.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from queries.connection import Connection
from queries.errors import translated
from queries.explain import explained
from queries.quoting import quoted
from queries.walk import Span, Walk

_FIRST_VERSION = 14

_SIZE = """
WITH RECURSIVE tree(oid) AS (
    SELECT oid FROM pg_catalog.pg_class
    WHERE oid OPERATOR(pg_catalog.=) $1::pg_catalog.text::pg_catalog.regclass
        AND relkind OPERATOR(pg_catalog.=) ANY ('{r,p,m}'::pg_catalog."char"[])
        AND relpersistence OPERATOR(pg_catalog.<>) 't'
    UNION ALL
    SELECT inhrelid FROM pg_catalog.pg_inherits JOIN tree ON inhparent OPERATOR(pg_catalog.=) tree.oid
)
SELECT coalesce(pg_catalog.sum(pg_catalog.pg_table_size(oid)), 0)::pg_catalog.int8 FROM tree
"""

_LEAVES = """
SELECT pg_catalog.pg_relation_size(c.oid)
           OPERATOR(pg_catalog./) pg_catalog.current_setting('block_size')::pg_catalog.int8 AS pages,
       a.amname OPERATOR(pg_catalog.=) 'heap' AND pg_catalog.current_setting('enable_tidscan')::pg_catalog.bool
           AND pg_catalog.has_table_privilege(c.oid, 'SELECT') AS divisible,
       c.oid OPERATOR(pg_catalog.=) $3::pg_catalog.text::pg_catalog.regclass AS itself,
       pg_catalog.has_schema_privilege(n.oid, 'USAGE') AND NOT pg_catalog.row_security_active(c.oid)
           AND NOT EXISTS (
               SELECT FROM pg_catalog.pg_attribute
               WHERE attrelid OPERATOR(pg_catalog.=) c.oid AND attgenerated OPERATOR(pg_catalog.=) 'v'
           ) AS open
FROM ROWS FROM (pg_catalog.unnest($1::pg_catalog.text[]), pg_catalog.unnest($2::pg_catalog.text[]))
    WITH ORDINALITY AS leaf (schema, name, place)
JOIN pg_catalog.pg_namespace n ON n.nspname OPERATOR(pg_catalog.=) leaf.schema
JOIN pg_catalog.pg_class c
    ON c.relnamespace OPERATOR(pg_catalog.=) n.oid AND c.relname OPERATOR(pg_catalog.=) leaf.name
LEFT JOIN pg_catalog.pg_am a ON a.oid OPERATOR(pg_catalog.=) c.relam
ORDER BY leaf.place
"""


async def size_of(connection: Connection, table: str) -> int:
    """Return the bytes of a table (its name quoted) with its partitions; 0 if it is not a table, such as a view."""
    with translated():
        size: int = await connection.fetchval(_SIZE, table)
    return size


async def page_ranges(connection: Connection, table: str, names: Sequence[str], size: int) -> Walk | None:
    """Return a walk over the pages of a table and its partitions, in the order in which a scan reads them.

    The locks that this takes keep every row on its page until the transaction ends. None if reading the parts might
    differ from reading the table: a foreign table, another access method, row-level security, grants by column (which
    exclude `ctid`), a partition that the caller may not read directly or that may have virtual columns of its own.

    Args:
        connection: in the transaction whose snapshot will be read.
        table: the quoted name of a table for which `size_of` is not 0.
        names: of all its columns.
        size: of the table, in bytes.
    """
    if connection.get_server_version().major < _FIRST_VERSION:
        return None
    plan = await explained(connection, f"SELECT * FROM {table}", verbose=True)  # noqa: S608 - a quoted name
    scans = list(_scans(plan))
    # A filter is row-level security's; it may tell rows by the time, which differs between transactions.
    if any(scan["Node Type"] != "Seq Scan" or "Filter" in scan for scan in scans):
        return None
    schemas, relations = ([scan[key] for scan in scans] for key in ("Schema", "Relation Name"))
    with translated():
        leaves = await connection.fetch(_LEAVES, schemas, relations, table)
    if len(leaves) != len(scans):  # one was created after the snapshot
        return None
    spans = []
    for scan, leaf in zip(scans, leaves, strict=True):
        if not leaf["divisible"] or not (leaf["itself"] or leaf["open"]):
            return None
        spans.append(_span(f"{quoted(scan['Schema'])}.{quoted(scan['Relation Name'])}", names, leaf["pages"]))
    return Walk(spans, size)


def _scans(plan: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    """Yield the nodes of a plan that an Append reads one after another."""
    if plan["Node Type"] == "Append":
        for part in plan["Plans"]:
            yield from _scans(part)
    else:
        yield plan


def _span(relation: str, names: Sequence[str], count: int) -> Span:
    # A partition may have its columns in another order than its table.
    rows = f"SELECT {', '.join(map(quoted, names))} FROM ONLY {relation}"  # noqa: S608 - quoted names

    def sql(low: int | None, high: int | None) -> str:
        limits = [f"ctid OPERATOR(pg_catalog.>=) '({low},0)'"] if low is not None else []
        limits += [f"ctid OPERATOR(pg_catalog.<) '({high},0)'"] if high is not None else []
        return f"{rows} WHERE {' AND '.join(limits)}" if limits else rows

    return Span(0, count, sql)
