"""All that the service does with a database, over tables of its own; the datasets name every schema themselves."""

import io
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import asyncpg
import pyarrow as pa
import pyarrow.parquet as pq

from exporter.access.principal import Principal
from exporter.commands.findings import Findings, findings
from exporter.exports.bounds import Bounds
from exporter.exports.database import Database
from exporter.exports.engine import Engine
from exporter.exports.order import Order
from exporter.settings.settings import Settings
from exporter.web.readiness import Readiness
from queries.acting import Acting
from queries.catalog import load
from queries.copy import takes_copy
from queries.declaration import Parameter, ParameterType
from queries.errors import QueryError
from queries.lent_pool import LentPool
from queries.pool import Pool
from queries.session import Session
from queries.table import table_of
from tests.exporting import FORMATS, export, order

SCHEMA = """
CREATE SCHEMA shop;
GRANT USAGE ON SCHEMA shop TO PUBLIC;
CREATE DOMAIN shop.whole AS int4 CHECK (VALUE IS NOT NULL);
CREATE DOMAIN shop.moment AS timestamptz;
CREATE TYPE shop.pair AS (a text, b int4);
CREATE TYPE shop.mood AS ENUM ('sad', '=happy');
CREATE TYPE shop.code;
CREATE FUNCTION shop.code_in(cstring) RETURNS shop.code LANGUAGE internal IMMUTABLE STRICT AS 'textin';
CREATE FUNCTION shop.code_out(shop.code) RETURNS cstring LANGUAGE internal IMMUTABLE STRICT AS 'textout';
CREATE TYPE shop.code (INPUT = shop.code_in, OUTPUT = shop.code_out, LIKE = text);
CREATE FUNCTION shop.code_json(shop.code) RETURNS json LANGUAGE sql IMMUTABLE STRICT AS
    'SELECT pg_catalog.textin(shop.code_out($1))::pg_catalog.json';
CREATE CAST (shop.code AS json) WITH FUNCTION shop.code_json(shop.code);
"""

TABLES = """
CREATE TABLE shop.types AS
SELECT 1 AS int4, 2::int2 AS int2, 3::int8 AS int8, 4.50::numeric(10, 2) AS numeric, 5.5::float8 AS float8,
       true AS bool, '=1+1'::text AS text, '-'::"char" AS char, '@name'::name AS name, '+fixed'::char(9) AS bpchar,
       '\\x00ff'::bytea AS bytea, '2024-01-31'::date AS day, '2024-01-31 12:00'::timestamp AS at,
       '2024-01-31 12:00Z'::timestamptz AS atz, '1 day'::interval AS span, '12:00'::time AS hour,
       '123e4567-e89b-12d3-a456-426614174000'::uuid AS uuid, '{"a": 1}'::json AS json, '[1]'::jsonb AS jsonb,
       ARRAY['{"a": "=1"}'::json] AS documents, ARRAY['a', NULL, '=b'] AS texts,
       ARRAY[1.50]::numeric(6, 2)[] AS numbers, ARRAY['\\x00'::bytea] AS binaries, ROW('=a', 1)::shop.pair AS pair,
       ARRAY[ROW('b', NULL)::shop.pair] AS pairs, '=happy'::shop.mood AS mood,
       ARRAY['sad'::shop.mood] AS moods, '=happy'::traps.mood AS foreign_mood, 7::shop.whole AS whole,
       ARRAY[8::shop.whole] AS wholes, '2024-01-31Z'::shop.moment AS moment, 26::oid AS oid, 'bit'::regtype AS regtype,
       '10.0.0.1'::inet AS inet, '[1,2)'::int4range AS range, B'101' AS bits, '(0,1)'::tid AS tid, '-7'::money AS money,
       '[1]'::shop.code AS code, ARRAY['[2]'::shop.code, NULL] AS codes;
CREATE TABLE shop.keyed (
    int4 int4 NOT NULL, int2 int2, int8 int8, whole shop.whole, day date, at timestamp, atz timestamptz,
    moment shop.moment, text text
);
INSERT INTO shop.keyed
SELECT n, n, n, n, date '2024-01-01' + n, timestamp '2024-01-01' + n * interval '1 s',
       timestamptz '2024-01-01Z' + n * interval '1 s', timestamptz '2024-01-01Z' + n * interval '1 s', md5(n::text)
FROM generate_series(1, 2000) n;
ANALYZE shop.keyed;
GRANT SELECT ON ALL TABLES IN SCHEMA shop TO PUBLIC;
"""

KEYS = ("int2", "int4", "int8", "whole", "day", "at", "atz", "moment")

ARGUMENTS = {
    "text": "a 'b'", "smallint": "1", "integer": "2", "bigint": "3", "numeric": "4.50", "boolean": "true",
    "date": "2024-01-31", "timestamp": "2024-01-31 12:00:00", "timestamptz": "2024-01-31 12:00:00+00:00",
    "uuid": "123e4567-e89b-12d3-a456-426614174000",
}  # fmt: skip

LENT = ("copy csv", "cursor parquet", "copy arguments", "pages", "key day")
"""The orders that are tried over a host's pool too."""

TYPES = "SELECT *, ROW(1, 'x') AS record FROM shop.types"

DATASET = '/*\n[parameters.least]\ntype = "date"\n*/\nSELECT * FROM shop.types WHERE day OPERATOR(pg_catalog.>=) :least'


def orders(role: str) -> Iterator[tuple[str, Order]]:
    """Yield orders that together make every statement of an export, each with its name."""
    principal = Principal("ann", ("*",), role, {"team": "a"})
    for source in ("copy", "cursor"):
        for extension in FORMATS:
            yield f"{source} {extension}", order(TYPES, extension, source, acting=principal.acting)
        yield (
            f"{source} formulas",
            order(TYPES, "csv", source, escape_formulas=True, acting=principal.acting),
        )
        yield f"{source} arguments", _with_arguments("ndjson", source)
        yield f"{source} nulls", _with_arguments("csv", source, null=True)
        yield f"{source} estimate", replace(_with_arguments("csv", source), bounds=Bounds(max_estimated_rows=9))
    refused = order(
        "SELECT :n AS n", "csv", parameters=(Parameter(name="n", type="integer"),), arguments={"n": "no number"}
    )
    yield "refused argument", refused
    yield (
        "cast by value",
        order("SELECT '['::shop.code AS refused, '[1]'::shop.code AS code", "ndjson", on_unrepresentable="null"),
    )
    changed = "SELECT pg_catalog.set_config('TimeZone', 'Asia/Tokyo', true) AS zone, atz FROM shop.types"
    yield "changed setting", order(changed, "csv")
    table = order("SELECT * FROM shop.keyed", "csv", table='"shop"."keyed"', acting=principal.acting)
    yield "pages", table
    yield "limit", replace(table, limit=3)
    for key in KEYS:
        yield f"key {key}", order("SELECT * FROM shop.keyed", "csv", split_by=key, ordered=False)


def _with_arguments(extension: str, source: str, *, null: bool = False) -> Order:
    types = [cast("ParameterType", type_ + suffix) for type_ in ARGUMENTS for suffix in ("", "[]")]
    parameters = tuple(Parameter(name=f"p{n}", type=type_, nullable=True) for n, type_ in enumerate(types))
    values = [value for text in ARGUMENTS.values() for value in ((None, None) if null else (text, [text, None]))]
    arguments = {parameter.name: value for parameter, value in zip(parameters, values, strict=True)}
    sql = "SELECT " + ", ".join(f":{name} AS {name}" for name in arguments)
    return order(sql, extension, source, parameters=parameters, arguments=arguments)


async def everything(dsn: str, role: str, search_path: tuple[str, ...], folder: Path) -> dict[str, Any]:
    """Do everything, and return what came of each."""
    pool = Pool(dsn, size=3, acquire_timeout=5, session=Session(60, 10, search_path))
    database = Database(pool, parallel=3, parallel_connections=2)
    try:
        found = {name: await _outcome(database, ordered) for name, ordered in orders(role)}
        found |= await _over_a_lent_pool(dsn, role, search_path)
        found["readiness"] = await Readiness(pool, {}).problems()
        found["description"] = await _description(database)
        async with pool.transaction("copy") as connection:
            found["takes copy"] = await takes_copy(connection)
            found["table"] = await table_of(connection, '"shop"."keyed"')
    finally:
        await pool.close()
    found["check"] = await _check(dsn, search_path, folder)
    return found


async def _over_a_lent_pool(dsn: str, role: str, search_path: tuple[str, ...]) -> dict[str, Any]:
    """Do the same exports over a host's pool that does nothing with its connections, and what leaves a lock behind."""
    async with asyncpg.create_pool(dsn, min_size=0, max_size=3, reset=_nothing) as lent:
        pool = LentPool(lent, acquire_timeout=5, session=Session(60, 10, search_path), most=3)
        database = Database(pool, parallel=3, parallel_connections=2)
        ordered = {name: order_ for name, order_ in orders(role) if name in LENT}
        ordered["lock"] = order("SELECT pg_catalog.pg_advisory_lock(7)::pg_catalog.text", "csv")
        return {f"lent: {name}": await _outcome(database, order_) for name, order_ in ordered.items()}


async def _nothing(connection: object) -> None:
    pass


async def _outcome(database: Database, ordered: Order) -> Any:
    try:
        with ThreadPoolExecutor(2) as threads:
            body = b"".join([chunk async for chunk in export(ordered, database, threads)])
    except QueryError as error:
        return repr(error)
    if body[:4] == b"PAR1":
        return pq.read_table(io.BytesIO(body)).to_pydict()
    if ordered.format is FORMATS["arrows"]:
        return pa.ipc.open_stream(body).read_all().to_pydict()
    return body if ordered.ordered else sorted(body.splitlines())


async def _description(database: Database) -> Any:
    dataset = order("SELECT * FROM shop.keyed", "csv", table='"shop"."keyed"').dataset
    with ThreadPoolExecutor(1) as threads:
        return await Engine(database, threads).describe(dataset, Acting())


async def _check(dsn: str, search_path: tuple[str, ...], folder: Path) -> Findings:
    (folder / "checked.sql").write_text(DATASET)
    (folder / "split.sql").write_text(DATASET.replace("/*", '/*\nsplit_by = "day"'))
    settings = Settings.model_validate({"database_url": dsn, "datasets": folder, "search_path": search_path})
    return await findings(load(folder), settings)
