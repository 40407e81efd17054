"""A table as the author of a dataset needs to know it: its columns, their comments, a key to divide it by."""

from dataclasses import dataclass

from queries.connection import Connection
from queries.errors import translated
from queries.key_ranges import DIVISIBLE
from queries.page_ranges import size_of

_WORTH_DIVIDING = 64 * 2**20
"""Bytes for which a second connection pays; see `split_by` in docs/datasets.md."""

_TABLE = """
SELECT c.oid::pg_catalog.int8, c.relname,
       pg_catalog.format('%I.%I', n.nspname, c.relname), pg_catalog.obj_description(c.oid, 'pg_class')
FROM pg_catalog.pg_class c
JOIN pg_catalog.pg_namespace n ON n.oid OPERATOR(pg_catalog.=) c.relnamespace
WHERE c.oid OPERATOR(pg_catalog.=) pg_catalog.to_regclass($1::pg_catalog.text)
    AND c.relkind OPERATOR(pg_catalog.=) ANY ('{r,p,v,m,f}'::pg_catalog."char"[])
"""

_COLUMNS = """
SELECT a.attname, pg_catalog.quote_ident(a.attname), a.atttypid::pg_catalog.int8,
       pg_catalog.col_description(a.attrelid, a.attnum),
       EXISTS (
           SELECT FROM pg_catalog.pg_constraint k
           WHERE k.conrelid OPERATOR(pg_catalog.=) a.attrelid AND k.contype OPERATOR(pg_catalog.=) 'p'
               AND k.conkey OPERATOR(pg_catalog.=) ARRAY[a.attnum]
       )
FROM pg_catalog.pg_attribute a
WHERE a.attrelid OPERATOR(pg_catalog.=) $1::pg_catalog.int8::pg_catalog.oid
    AND a.attnum OPERATOR(pg_catalog.>) 0 AND NOT a.attisdropped
ORDER BY a.attnum
"""


@dataclass(frozen=True, slots=True)
class TableColumn:
    """A column of a table."""

    quoted: str
    """The name as SQL writes it, quoted only if it must be."""
    comment: str


@dataclass(frozen=True, slots=True)
class Table:
    """A table, or what can be read like one."""

    name: str
    """Without its schema."""
    quoted: str
    """With its schema, as SQL writes it."""
    comment: str
    columns: tuple[TableColumn, ...]
    key: str | None
    """The column of the primary key, if several connections can and should each read a range of its values."""


async def table_of(connection: Connection, name: str) -> Table | None:
    """Return the table or view of a name, which is quoted where it must be; None if there is none.

    Raises:
        QueryError: the server cannot be asked.
    """
    with translated():
        row = await connection.fetchrow(_TABLE, name)
        if row is None:
            return None
        rows = await connection.fetch(_COLUMNS, row[0])
    keys = [column[0] for column in rows if column[4] and column[2] in DIVISIBLE]
    large = bool(keys) and await size_of(connection, row[2]) >= _WORTH_DIVIDING
    return Table(
        row[1],
        row[2],
        row[3] or "",
        tuple(TableColumn(column[1], column[3] or "") for column in rows),
        keys[0] if large else None,
    )
