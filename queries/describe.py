"""What a query returns, according to the server, which prepares it without running it."""

import gc
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import astuple, dataclass

import asyncpg
from asyncpg.protocol import NO_TIMEOUT

from queries.builtin import BUILTIN
from queries.connection import Connection, driver_of
from queries.errors import QueryRejected, translated
from queries.quoting import literal
from queries.types import Attribute, PgType


@dataclass(frozen=True, slots=True)
class Description:
    """The columns of a query's result, in order, and how many parameters the query takes."""

    attributes: tuple[Attribute, ...]
    parameters: int


async def describe(connection: Connection, sql: str, *, values: bool = True) -> Description:
    """Prepare a query and return its description.

    Preparing proves that the text is exactly one statement (the extended protocol takes no more). asyncpg's public
    `prepare` drops the type modifiers and fails on composites with a text-only field, so this reads the row
    description where asyncpg keeps it: see docs/decisions/row-description.md. `values` says whether the text contains
    values that are not the author's own; if not, an error has the server's message.

    Raises:
        QueryError: the server rejects the query, or the statement returns no rows.
    """
    with translated(values=values):
        state = await driver_of(connection)._protocol.prepare("", sql, NO_TIMEOUT, record_class=asyncpg.Record)  # noqa: SLF001 - as above
    lists = [held for held in gc.get_referents(state) if type(held) is list]
    try:
        rows, parameters = lists
    except ValueError:
        # Only the parameters: there is no row description.
        raise QueryRejected("the statement returns no rows") from None
    try:
        attributes = tuple(
            Attribute(name.decode(), oid, modifier, table, number)
            for name, table, number, oid, _size, modifier, _format in rows
        )
    except UnicodeDecodeError:
        raise QueryRejected("the name of a column is not valid UTF-8") from None
    return Description(attributes, len(parameters))


_SEPARATOR = "/"

_TYPES = """
WITH RECURSIVE inside (whole, oid) AS (
    SELECT oid, oid FROM pg_catalog.pg_type WHERE oid OPERATOR(pg_catalog.=) ANY ($1::pg_catalog.oid[])
    UNION
    SELECT inside.whole, part.oid
    FROM inside JOIN pg_catalog.pg_type t ON t.oid OPERATOR(pg_catalog.=) inside.oid
    CROSS JOIN LATERAL (
        SELECT t.typbasetype UNION ALL SELECT t.typelem UNION ALL
        SELECT atttypid FROM pg_catalog.pg_attribute
        WHERE attrelid OPERATOR(pg_catalog.=) t.typrelid AND attnum OPERATOR(pg_catalog.>) 0 AND NOT attisdropped
    ) part (oid)
), castable (oid) AS (
    SELECT source.oid FROM pg_catalog.pg_cast JOIN pg_catalog.pg_type source
        ON source.oid OPERATOR(pg_catalog.=) castsource
    WHERE castmethod OPERATOR(pg_catalog.=) 'f' AND castsource OPERATOR(pg_catalog.>=) 16384
        AND source.typtype OPERATOR(pg_catalog.<>) ALL ('{c,d}'::pg_catalog."char"[])
        AND casttarget OPERATOR(pg_catalog.=) 'pg_catalog.json'::pg_catalog.regtype
)
SELECT t.oid, n.nspname::pg_catalog.text, t.typname::pg_catalog.text, t.typtype::pg_catalog.text,
       pg_catalog.format_type(t.oid, NULL) AS display,
       CASE WHEN t.typcategory OPERATOR(pg_catalog.=) 'A' AND t.typlen OPERATOR(pg_catalog.=) -1
            THEN t.typelem ELSE 0 END AS element,
       t.typbasetype AS base, t.typtypmod AS base_modifier,
       EXISTS (
           SELECT FROM inside JOIN castable ON castable.oid OPERATOR(pg_catalog.=) inside.oid
               OR inside.oid OPERATOR(pg_catalog.=) ANY ('{2249,2277,2287}'::pg_catalog.oid[])
           WHERE inside.whole OPERATOR(pg_catalog.=) t.oid
       ) AS casts_to_json
FROM pg_catalog.pg_type t JOIN pg_catalog.pg_namespace n ON n.oid OPERATOR(pg_catalog.=) t.typnamespace
WHERE t.oid OPERATOR(pg_catalog.=) ANY ($1::pg_catalog.oid[])
"""
"""`to_json` looks for casts of types that are neither built in nor composites nor domains (`json_categorize_type` in
PostgreSQL's jsonfuncs.c); a record or an anyarray may hold anything.

An array of int8, unlike one of oid, would have the driver look its type up, by statements with unqualified names."""


async def types_of(connection: Connection, oids: Iterable[int], known: dict[int, PgType]) -> dict[int, PgType]:
    """Return the types of these oids, with their elements and base types, except those in `BUILTIN`.

    `known` holds the types seen so far, on any connection, and is updated. They may have changed since, and the server
    may be a different one.
    """
    wanted = set(oids) - BUILTIN.keys()
    held = [known[oid] for oid in _with_parts(wanted, known)]
    found = {type_.oid: type_ for type_ in held} if held and await _are_true(connection, held) else {}
    found |= await look_up(connection, wanted - found.keys())
    known |= found
    return found


async def look_up(connection: Connection, oids: Iterable[int]) -> dict[int, PgType]:
    """Return what the server says of these types, and of their elements and base types that are not built in."""
    found: dict[int, PgType] = {}
    wanted = set(oids)
    while missing := wanted - found.keys():
        with translated():
            rows = await connection.fetch(_TYPES, sorted(missing))
        if not rows:
            raise QueryRejected(f"no such types: {sorted(missing)}")
        found |= {row["oid"]: PgType(*row) for row in rows}
        wanted |= {oid for row in rows for oid in (row["element"], row["base"]) if oid} - BUILTIN.keys()
    return found


def _with_parts(oids: Iterable[int], known: Mapping[int, PgType]) -> set[int]:
    """Return those of the oids, and of their elements and base types, that are known and not built in."""
    found: set[int] = set()
    left = {oid for oid in oids if oid in known}
    while left:
        found |= left
        parts = {part for oid in left for part in (known[oid].element, known[oid].base)}
        left = {oid for oid in parts if oid in known} - found - BUILTIN.keys()
    return found


async def _are_true(connection: Connection, types: Sequence[PgType]) -> bool:
    """Return whether these types are still what the server says."""
    ours = ", ".join(literal(_SEPARATOR.join(map(_text, astuple(type_)))) for type_ in types)
    oids = ",".join(str(type_.oid) for type_ in types)
    described = _TYPES.replace("$1", f"'{{{oids}}}'")
    same = f"""SELECT FROM ({described}) t(oid, schema, name, type, display, element, base, modifier, casts)
WHERE pg_catalog.concat_ws('{_SEPARATOR}', oid, schema, name, type, display, element, base, modifier, casts)
    OPERATOR(pg_catalog.=) ANY (ARRAY[{ours}]::pg_catalog.text[])"""
    with translated():
        # The driver tells only how many rows a statement gave that is not prepared, and needs half the time.
        return await connection.execute(same) == f"SELECT {len(types)}"


def _text(value: object) -> str:
    return {True: "t", False: "f"}[value] if isinstance(value, bool) else str(value)
