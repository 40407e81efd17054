"""The settings by which the server writes values, and whether a query has changed them."""

from collections.abc import Iterable, Mapping

from queries.connection import Connection
from queries.errors import SettingsChanged, translated
from queries.quoting import literal

OUTPUT_SETTINGS: Mapping[str, str] = {
    "DateStyle": "ISO",
    "TimeZone": "UTC",
    "IntervalStyle": "iso_8601",
    "bytea_output": "hex",
    "extra_float_digits": "1",
    "client_encoding": "UTF8",
}
"""What every transaction sets at its beginning."""

INHERITED = frozenset({"lc_monetary", "search_path", "quote_all_identifiers"})
"""How money and the names of tables and types are written. Every database has its own."""

ENCODING = frozenset({"client_encoding"})
"""How a statement turns text into bytes, where it does that itself; COPY has its own ENCODING option."""

ALL = INHERITED.union(OUTPUT_SETTINGS) - ENCODING


async def expected_values(connection: Connection, names: Iterable[str]) -> dict[str, str]:
    """Return the values that these settings must keep; for those of `INHERITED`, what the server has now."""
    unknown = sorted(INHERITED.intersection(names))
    values = {name: OUTPUT_SETTINGS[name] for name in OUTPUT_SETTINGS.keys() & names}
    if unknown:
        with translated():
            row = await connection.fetchrow(f"SELECT {', '.join(map(_current, unknown))}")
        values |= zip(unknown, row or (), strict=True)
    return values


async def verify(connection: Connection, values: Mapping[str, str]) -> None:
    """Verify that these settings still have these values.

    A function that changes one and changes it back before its row is written does no harm, and is not noticed.

    Raises:
        SettingsChanged: some have other values.
    """
    if not values:
        return
    rows = ", ".join(f"('{name}', {_current(name)}, {literal(value)})" for name, value in values.items())
    changed = f"SELECT name FROM (VALUES {rows}) s(name, now, before) WHERE now OPERATOR(pg_catalog.<>) before"  # noqa: S608 - settings and their values
    with translated():
        # For an unprepared statement the driver reports only the number of rows, in half the time.
        if await connection.execute(changed) != "SELECT 0":
            raise SettingsChanged([row[0] for row in await connection.fetch(changed)])


def _current(name: str) -> str:
    setting = f"pg_catalog.current_setting('{name}')"
    # After the style, which values are written in, comes the order in which days and months are read.
    return f"pg_catalog.split_part({setting}, ',', 1)" if name == "DateStyle" else setting
