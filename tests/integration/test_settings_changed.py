"""A query that changes by which settings its values are written fails visibly; one that changes others does not."""

from collections.abc import AsyncIterator
from typing import Any

import pytest

from exporter.exports import scan
from exporter.exports.database import Database
from queries import walk
from queries.errors import SettingsChanged
from queries.unrepresentable import Unrepresentable
from tests.exporting import FORMATS, document, opened, order
from tests.postgres import execute

pytestmark = pytest.mark.anyio

SCHEMA = r"""
DROP SCHEMA IF EXISTS settings CASCADE;
CREATE SCHEMA settings;
CREATE TABLE settings.many AS SELECT i, now() AS at, repeat('.', 100) AS dots FROM generate_series(1, 6000) i;
CREATE FUNCTION settings.changed(name text, value text) RETURNS int LANGUAGE plpgsql AS $$BEGIN
    PERFORM set_config(name, value, true);
    RETURN 1;
END$$;
CREATE FUNCTION settings.local(at timestamptz) RETURNS text LANGUAGE sql SET TimeZone = 'Asia/Tokyo' AS
    $$SELECT to_char(at, 'HH24 TZ')$$;
CREATE FUNCTION settings.caught() RETURNS int LANGUAGE plpgsql AS $$BEGIN
    BEGIN
        PERFORM set_config('TimeZone', 'Asia/Tokyo', true), 1 / 0;
    EXCEPTION WHEN division_by_zero THEN
    END;
    RETURN 1;
END$$;
CREATE FUNCTION settings.planned(name text, value text) RETURNS int IMMUTABLE LANGUAGE sql AS
    $$SELECT settings.changed(name, value)$$;
"""

AT = "'2024-01-31 12:00Z'::timestamptz"

CHANGES = [
    ("bytea_output", "escape", r"'\x00ff61'::bytea"),
    ("bytea_output", "escape", r"'\x3631'::bytea"),
    ("TimeZone", "Asia/Tokyo", AT),
    ("DateStyle", "German", "'2024-01-31'::date"),
    ("DateStyle", "SQL", AT.replace("timestamptz", "timestamp")),
    ("IntervalStyle", "postgres", "'1 day'::interval"),
    ("extra_float_digits", "-9", "pi()"),
    ("extra_float_digits", "-9", "point(pi(), 1)"),
    ("TimeZone", "Asia/Tokyo", f"tstzrange({AT}, NULL)"),
    ("TimeZone", "Asia/Tokyo", f"ROW({AT})"),
    ("TimeZone", "Asia/Tokyo", f"ARRAY[{AT}]"),
    ("lc_monetary", "POSIX", "1::money"),
    ("search_path", "settings", "'settings.many'::regclass"),
    ("quote_all_identifiers", "on", "'settings.many'::regclass"),
]


@pytest.fixture(scope="module", autouse=True)
async def functions(database_url: str) -> None:
    await execute(database_url, SCHEMA)


@pytest.fixture
async def exporting(database_url: str) -> AsyncIterator[Database]:
    async with opened(database_url, size=3) as database:
        yield database


@pytest.mark.parametrize("source", ["copy", "cursor"])
@pytest.mark.parametrize("extension", FORMATS)
async def test_a_setting_by_which_values_are_written(exporting: Database, extension: str, source: str) -> None:
    for name, value, written in CHANGES:
        sql = f"SELECT i, settings.changed('{name}', '{value}') AS changed, {written} AS v FROM generate_series(1, 3) i"
        # The text of a date or an interval may not be readable at all by then.
        with pytest.raises((SettingsChanged, Unrepresentable)) as refusal:
            await document(exporting, order(sql, extension, source))
        if isinstance(refusal.value, SettingsChanged):
            assert refusal.value.names == [name], written
        else:
            assert source == "cursor", written


@pytest.mark.parametrize("extension", FORMATS)
async def test_at_the_last_of_many_rows(exporting: Database, extension: str) -> None:
    change = "CASE i WHEN 99999 THEN set_config('TimeZone', 'Asia/Tokyo', true) END"
    sql = f"SELECT {AT} AS at, {change} AS v FROM generate_series(1, 99999) i"
    with pytest.raises(SettingsChanged):
        await document(exporting, order(sql, extension))


async def test_by_one_of_several_connections(exporting: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scan, "_BYTES_EACH", 1)
    monkeypatch.setattr(walk, "BLOCK_BYTES", 30_000)
    sql = "SELECT *, CASE i WHEN 6000 THEN settings.changed('TimeZone', 'Asia/Tokyo') END AS v FROM settings.many"
    for ordered in (True, False):
        with pytest.raises(SettingsChanged):
            await document(exporting, order(sql, "csv", split_by="i", ordered=ordered))


@pytest.mark.parametrize("source", ["copy", "cursor"])
@pytest.mark.parametrize("extension", FORMATS)
async def test_a_setting_by_which_no_value_is_written(exporting: Database, extension: str, source: str) -> None:
    values = "1.5 AS n, '{}'::json AS j, true AS b, 'a'::text AS t, gen_random_uuid() IS NULL AS u"
    for name, value in {change[:2] for change in CHANGES}:
        more = ", 1.5::float8 AS f, '1 day'::interval AS span" if name in ("bytea_output", "TimeZone") else ""
        harmless = f"SELECT settings.changed('{name}', '{value}') AS i, {values}{more}"
        assert await document(exporting, order(harmless, extension, source))


async def test_a_setting_of_one_function_alone(exporting: Database) -> None:
    sql = f"SELECT {AT} AS at, settings.local({AT}) AS v, settings.caught() AS caught"
    assert await document(exporting, order(sql, "csv")) == b"at,v,caught\n2024-01-31 12:00:00+00,21 JST,1\n"


UTF8 = "'Ã¤' AS v"
"""Two letters that are sent as one of UTF-8 by who takes the other end for LATIN1."""


@pytest.mark.parametrize("policy", ["error", "null"])
@pytest.mark.parametrize("extension", FORMATS)
async def test_the_encoding_that_text_is_sent_in(exporting: Database, extension: str, policy: Any) -> None:
    """COPY has one of its own; a cursor's text is sent in the session's."""
    expected = await document(exporting, order(f"SELECT 1 AS i, {UTF8}", extension))
    for change in ("changed", "planned"):
        sql = f"SELECT settings.{change}('client_encoding', 'LATIN1') AS i, {UTF8}"
        if extension in ("csv", "ndjson"):
            assert await document(exporting, order(sql, extension, on_unrepresentable=policy)) == expected
        with pytest.raises(SettingsChanged):
            await document(exporting, order(sql, extension, "cursor", on_unrepresentable=policy))


async def test_the_encoding_in_which_formulas_are_looked_for(exporting: Database) -> None:
    sql = f"SELECT settings.planned('client_encoding', 'LATIN1') AS i, {UTF8}"
    with pytest.raises(SettingsChanged):
        await document(exporting, order(sql, "csv", escape_formulas=True))
