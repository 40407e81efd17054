"""Values whose type has a cast to json, a function that may fail for some of them."""

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from typing import TypeAlias

import orjson

from queries.connection import Connection
from queries.errors import QueryRejected, translated

_Values: TypeAlias = Sequence[tuple[int, str]]
"""Values, each with its index among all."""

_BEGIN = "SAVEPOINT value; SET LOCAL array_nulls = on"
"""Without array_nulls, NULL in an array would be read as a text."""
_END = "ROLLBACK TO SAVEPOINT value; RELEASE SAVEPOINT value"


async def documents(connection: Connection, type_: str, values: Sequence[bytes | None]) -> list[bytes | None]:
    """Return the JSON of each value: None for NULL, for a value that the cast refuses, and for one that is not UTF-8.

    Args:
        connection: in a transaction, which survives a refusal.
        type_: the values' type in SQL.
        values: as the type's output function writes them.

    Raises:
        QueryError: the server failed for another reason, or cannot read a value that it has written.
    """
    found: list[bytes | None] = [None] * len(values)
    refused: list[tuple[int, str]] = []
    parts: list[_Values] = [[(place, text) for place, text in enumerate(map(_decoded, values)) if text is not None]]
    while parts:
        part = parts.pop()
        half = len(part) // 2
        try:
            for place, document in await _read(connection, type_, "pg_catalog.to_json(value)", part):
                found[place] = document
        except QueryRejected:
            if half:
                parts += [part[:half], part[half:]]
            else:
                refused += part
    # A value that cannot even be read back was not refused by the cast.
    await _read(connection, type_, "value IS NULL", refused)
    return found


async def _read(connection: Connection, type_: str, expression: str, part: _Values) -> list[tuple[int, bytes]]:
    """Return an expression's text for each value. The type's input function reads the values; a cast may differ."""
    if not part:
        return []
    rows = await asyncio.to_thread(orjson.dumps, [{"place": place, "value": text} for place, text in part])
    sql = f"""SELECT place, pg_catalog.textsend(({expression})::pg_catalog.text)
FROM pg_catalog.json_to_recordset($1::pg_catalog.text::pg_catalog.json) v(place pg_catalog.int4, value {type_})"""  # noqa: S608 - names
    with translated():
        await connection.execute(_BEGIN)
        try:
            return [(place, text) for place, text in await connection.fetch(sql, rows.decode())]
        finally:
            await connection.execute(_END)


def _decoded(value: bytes | None) -> str | None:
    if value is not None:
        with suppress(UnicodeDecodeError):
            return value.decode()
    return None
