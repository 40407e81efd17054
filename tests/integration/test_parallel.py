"""Several connections that read one query give what one connection gives, or fail as visibly."""

import asyncio
import gc
import logging
from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import aclosing, asynccontextmanager
from typing import Any

import asyncpg
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from exporter.exports import scan
from exporter.exports.database import Database
from queries.errors import QueryError
from queries.followers import Followers
from queries.pool import Pool
from tests.exporting import database, document, export, of_table, single

pytestmark = [pytest.mark.anyio, pytest.mark.usefixtures("small")]

ROWS = 30_000

SCHEMA = f"""
CREATE SCHEMA parts;
SET search_path = parts, public;
CREATE TABLE plain AS
SELECT n AS id, md5(n::text) AS name, CASE WHEN n % 3 = 0 THEN NULL ELSE n / 7.0 END AS amount,
       DATE '2020-01-01' + n % 1000 AS day, repeat('x', n % 50) AS text
FROM generate_series(1, {ROWS}) n;
DELETE FROM plain WHERE id BETWEEN 5000 AND 9000;
UPDATE plain SET name = upper(name) WHERE id % 10 = 0;
INSERT INTO plain SELECT -n, 'late', NULL, NULL, NULL FROM generate_series(1, 100) n;
CREATE TABLE empty (id integer);
CREATE TABLE toasted AS
SELECT n AS id, (SELECT string_agg(md5((n * 1000 + m)::text), '') FROM generate_series(1, 400) m) AS body
FROM generate_series(1, 400) n;
CREATE TABLE parted (id integer, name text, "Größe" numeric) PARTITION BY RANGE (id);
CREATE TABLE later PARTITION OF parted FOR VALUES FROM (20000) TO (30000);
CREATE TABLE "Odd order" ("Größe" numeric, dropped integer, name text, id integer);
ALTER TABLE "Odd order" DROP COLUMN dropped;
ALTER TABLE parted ATTACH PARTITION "Odd order" FOR VALUES FROM (0) TO (20000);
CREATE TABLE rest PARTITION OF parted DEFAULT PARTITION BY HASH (name);
CREATE TABLE rest_0 PARTITION OF rest FOR VALUES WITH (MODULUS 2, REMAINDER 0);
CREATE TABLE rest_1 PARTITION OF rest FOR VALUES WITH (MODULUS 2, REMAINDER 1);
INSERT INTO parted SELECT n, md5(n::text), n / 3.0 FROM generate_series(1, 40000) n;
CREATE TABLE parent (id integer, name text);
CREATE TABLE child (more integer) INHERITS (parent);
INSERT INTO parent SELECT n, 'parent' FROM generate_series(1, 20000) n;
INSERT INTO child SELECT n, 'child', n FROM generate_series(1, 20000) n;
CREATE MATERIALIZED VIEW stored AS SELECT * FROM plain;
CREATE VIEW seen AS SELECT * FROM plain WHERE id > 0;
"""

TABLES = ["plain", "empty", "toasted", "parted", "parent", "stored"]


@pytest.fixture(scope="module", autouse=True)
async def tables(database_url: str) -> None:
    connection = await asyncpg.connect(database_url)
    await connection.execute(SCHEMA)
    await connection.close()


@pytest.mark.parametrize("extension", ["csv", "ndjson", "arrows"])
@pytest.mark.parametrize("table", TABLES)
async def test_a_table_in_parts_has_the_bytes_of_one_scan(
    database_url: str, exporting: Database, parts: list[str], table: str, extension: str
) -> None:
    found = await document(exporting, of_table(table, extension))
    assert len(parts) >= {"empty": 0, "toasted": 4}.get(table, 10)
    expected = await single(database_url, of_table(table, extension))
    if extension == "arrows":  # its batches are its blocks, and its metadata tells when
        found, expected = _records(found), _records(expected)
    assert found == expected


def _records(body: bytes) -> Any:
    with pa.ipc.open_stream(body) as reader:
        return reader.read_all().to_pylist()


async def test_parquet_of_parts_holds_the_same_rows_in_the_same_order(
    database_url: str, exporting: Database, parts: list[str]
) -> None:
    found = pq.read_table(pa.BufferReader(await document(exporting, of_table("plain", "parquet"))))
    assert len(parts) > 10
    assert found.equals(pq.read_table(pa.BufferReader(await single(database_url, of_table("plain", "parquet")))))


async def test_unordered_parts_hold_the_same_rows(database_url: str, exporting: Database, parts: list[str]) -> None:
    found = await document(exporting, of_table("plain", ordered=False))
    assert len(parts) > 10
    expected = await single(database_url, of_table("plain"))
    assert sorted(found.splitlines()) == sorted(expected.splitlines())


async def test_chosen_columns_and_another_dialect(database_url: str, exporting: Database, parts: list[str]) -> None:
    wanted = of_table("parted", chosen=("Größe", "id"), delimiter=";", null="NULL")
    found = await document(exporting, wanted)
    assert parts
    assert found == await single(database_url, wanted)


@pytest.mark.parametrize("how", [{"limit": 10}, {"source": "cursor"}], ids=["limited", "cursor"])
async def test_what_is_read_at_once(database_url: str, exporting: Database, parts: list[str], how: Any) -> None:
    found = await document(exporting, of_table("plain", **how))
    assert not parts
    assert found == await single(database_url, of_table("plain", **how))


async def test_a_view_and_a_small_table_are_read_at_once(
    exporting: Database, parts: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    await document(exporting, of_table("seen"))
    monkeypatch.setattr(scan, "_BYTES_EACH", 1 << 30)
    await document(exporting, of_table("plain"))
    assert not parts


async def test_all_parts_see_one_snapshot(database_url: str, exporting: Database, parts: list[str]) -> None:
    """Rows that move, come and go while the export is read."""
    writer = await asyncpg.connect(database_url)
    await writer.execute("CREATE TABLE parts.busy AS SELECT n AS id, 0 AS version FROM generate_series(1, 200000) n")
    expected = await single(database_url, of_table("busy"))
    body = b""
    with ThreadPoolExecutor(2) as threads:
        async with aclosing(export(of_table("busy"), exporting, threads)) as chunks:
            async for chunk in chunks:
                body += chunk
                if len(parts) % 5 == 0:
                    await writer.execute("UPDATE parts.busy SET version = version + 1 WHERE id % 97 = 0")
                    await writer.execute("DELETE FROM parts.busy WHERE id % 1009 = 1")
    await writer.execute("DROP TABLE parts.busy")
    await writer.close()
    assert len(parts) > 10
    assert body == expected


async def test_connections_that_are_not_free_are_not_waited_for(exporting: Database, parts: list[str]) -> None:
    async with exporting.pool.transaction("a"), exporting.pool.transaction("b"), exporting.pool.transaction("c"):
        await document(exporting, of_table("plain"))
    assert not parts


async def test_parallel_scans_leave_connections_to_others(database_url: str, parts: list[str]) -> None:
    opened = database(database_url, size=6)
    opened.followers = Followers(opened.pool, 2)
    await asyncio.gather(*(document(opened, of_table("parted")) for _ in range(3)))
    assert parts
    assert isinstance(opened.pool, Pool)
    assert opened.pool._opened
    assert opened.pool._opened.get_size() <= 5
    await opened.pool.close()


async def test_a_connection_that_cannot_join_is_done_without(
    database_url: str,
    exporting: Database,
    parts: list[str],
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    original = type(exporting.pool).transaction

    def transaction(self: Any, *arguments: Any, snapshot: Any = None, **how: Any) -> Any:
        return original(self, *arguments, snapshot="00000003-0000001B-1" if snapshot else None, **how)

    monkeypatch.setattr(type(exporting.pool), "transaction", transaction)
    with caplog.at_level(logging.WARNING):
        found = await document(exporting, of_table("plain"))
    assert "0 of 3" in caplog.text
    assert not parts
    assert found == await single(database_url, of_table("plain"))


@pytest.fixture
async def unretrieved() -> AsyncIterator[None]:
    """The driver's future that tells of the loss is nobody's by then, if its task was cancelled for another failure."""
    loop = asyncio.get_running_loop()
    handler = loop.get_exception_handler()
    loop.set_exception_handler(lambda *_: None)
    yield
    gc.collect()
    loop.set_exception_handler(handler)


@pytest.mark.usefixtures("unretrieved")
@pytest.mark.parametrize("ordered", [True, False])
async def test_a_lost_connection_fails_the_export(database_url: str, exporting: Database, ordered: bool) -> None:
    """Whichever of the connections it is."""
    killer = await asyncpg.connect(database_url)
    for number in range(4):
        with ThreadPoolExecutor(2) as threads, pytest.raises(QueryError):
            async with aclosing(export(of_table("parted", ordered=ordered), exporting, threads)) as chunks:
                await anext(chunks)
                backends = await killer.fetch(
                    "SELECT pid FROM pg_stat_activity WHERE application_name LIKE 'exporter % tested' ORDER BY pid"
                )
                assert len(backends) == 4
                await killer.execute("SELECT pg_terminate_backend($1)", backends[number]["pid"])
                async for _ in chunks:
                    await asyncio.sleep(0.001)
    await killer.close()


async def test_a_reader_that_stops_stops_all_connections(exporting: Database, parts: list[str]) -> None:
    with ThreadPoolExecutor(2) as threads:
        async with aclosing(export(of_table("parted"), exporting, threads)) as chunks:
            await anext(chunks)
            await asyncio.sleep(0.3)
            taken = len(parts)
            await asyncio.sleep(0.3)
            assert len(parts) == taken < 12
            async for _ in chunks:
                pass
    assert len(parts) > taken


async def test_an_export_that_is_given_up_gives_every_connection_back(database_url: str, exporting: Database) -> None:
    with ThreadPoolExecutor(2) as threads:
        async with aclosing(export(of_table("parted"), exporting, threads)) as chunks:
            await anext(chunks)
    watcher = await asyncpg.connect(database_url)
    running = "SELECT count(*) FROM pg_stat_activity WHERE application_name LIKE 'exporter % tested'"
    assert await watcher.fetchval(running) == 0
    await watcher.close()


async def test_who_waits_to_alter_a_partition_waits_for_the_export(
    database_url: str, exporting: Database, parts: list[str]
) -> None:
    """A connection that came to it later would wait behind, and the export for that connection."""
    other = await asyncpg.connect(database_url)
    async with asyncio.timeout(20):
        with ThreadPoolExecutor(2) as threads:
            async with aclosing(export(of_table("parted"), exporting, threads)) as chunks:
                body = await anext(chunks)
                altering = asyncio.create_task(other.execute("ALTER TABLE parts.rest_1 ALTER COLUMN name SET NOT NULL"))
                await asyncio.sleep(0.1)
                assert not altering.done()
                async for chunk in chunks:
                    body += chunk
        await altering
    await other.close()
    assert len(parts) > 10
    assert body == await single(database_url, of_table("parted"))


async def test_a_connection_that_would_wait_for_a_lock_is_done_without(
    database_url: str, exporting: Database, parts: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Somebody waits to alter the table from before the others join."""
    other = await asyncpg.connect(database_url)
    waiting = []
    original = type(exporting.followers).joining

    @asynccontextmanager
    async def joining(self: Any, *arguments: Any) -> AsyncIterator[Any]:
        waiting.append(asyncio.create_task(other.execute("LOCK TABLE parts.plain IN ACCESS EXCLUSIVE MODE")))
        await asyncio.sleep(0.1)
        async with original(self, *arguments) as joined:
            assert joined == []
            yield joined

    monkeypatch.setattr(type(exporting.followers), "joining", joining)
    async with asyncio.timeout(20), other.transaction():
        found = await document(exporting, of_table("plain"))
        await waiting[0]
    await other.close()
    assert not parts
    assert found == await single(database_url, of_table("plain"))
