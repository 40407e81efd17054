"""Values that become JSON by a function of their type, which fails for some of them."""

from collections.abc import Sequence
from contextlib import suppress

from queries.connection import Connection
from queries.errors import QueryRejected, translated
from queries.quoting import literal


async def documents(connection: Connection, type_: str, values: Sequence[bytes | None]) -> list[bytes | None]:
    """Return the JSON of each value: None for NULL, for one that its function refuses, and for one that is not UTF-8.

    Args:
        connection: in a transaction, to whose state a refusal makes no difference.
        type_: the values' type in SQL.
        values: as the type's output function writes them.

    Raises:
        QueryError: the server failed otherwise.
    """
    found: list[bytes | None] = [None] * len(values)
    known = [(place, text) for place, text in enumerate(map(_decoded, values)) if text is not None]
    parts = [known] if known else []
    while parts:
        part = parts.pop()
        try:
            rows = await _cast(connection, type_, [text for _, text in part])
        except QueryRejected:
            half = len(part) // 2
            parts += [part[:half], part[half:]] if half else []
        else:
            for (place, _), document in zip(part, rows, strict=True):
                found[place] = document
    return found


async def _cast(connection: Connection, type_: str, texts: Sequence[str]) -> list[bytes | None]:
    # As literals they are read by the type's input function; a cast from text may be another.
    values = ", ".join(f"({place}, {literal(text)}::{type_})" for place, text in enumerate(texts))
    json = "pg_catalog.textsend(pg_catalog.to_json(value)::pg_catalog.text)"
    with translated():
        await connection.execute("SAVEPOINT value")
        try:
            rows = await connection.fetch(f"SELECT {json} FROM (VALUES {values}) v(place, value) ORDER BY place")  # noqa: S608 - literals
        except Exception:
            await connection.execute("ROLLBACK TO SAVEPOINT value")
            raise
        await connection.execute("RELEASE SAVEPOINT value")
    return [row[0] for row in rows]


def _decoded(value: bytes | None) -> str | None:
    if value is not None:
        with suppress(UnicodeDecodeError):
            return value.decode()
    return None
