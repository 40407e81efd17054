"""How large an export may be: exactly so, in every format, from every source, over any number of connections."""

import asyncio
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any

import pytest

from exporter.exports import scan
from exporter.exports.bounds import Bounds, Exceeded
from exporter.exports.database import Database
from exporter.exports.order import Order
from exporter.limits.admission import Admission, Place
from tests.exporting import FORMATS, database, document, export, order
from tests.postgres import execute

pytestmark = pytest.mark.anyio

ROWS = 5000


@pytest.fixture(scope="module", autouse=True)
def table(database_url: str) -> None:
    statements = f"""
        DROP SCHEMA IF EXISTS bounds CASCADE;
        CREATE SCHEMA bounds;
        CREATE TABLE bounds.rows AS SELECT n AS id, repeat(md5(n::text), 10) AS text FROM generate_series(1, {ROWS}) n;
        CREATE INDEX ON bounds.rows (id);
        ANALYZE bounds.rows;
    """
    asyncio.run(execute(database_url, statements))


def bounded(extension: str, source: str = "copy", sql: str = "TABLE bounds.rows", **how: Any) -> Order:
    options = {name: how.pop(name) for name in ("limit", "table", "split_by", "ordered") if name in how}
    return replace(order(sql, extension, source, **options), bounds=Bounds(**how))


@pytest.mark.parametrize("how", ["copy", "cursor"])
@pytest.mark.parametrize("extension", FORMATS)
async def test_as_many_rows_as_there_may_be_and_one_more(database_url: str, extension: str, how: str) -> None:
    exporting = database(database_url)
    try:
        whole = await document(exporting, bounded(extension, how, max_rows=ROWS))
        assert len(whole) > 10_000
        with pytest.raises(Exceeded, match="4999 rows"):
            await document(exporting, bounded(extension, how, max_rows=ROWS - 1))
    finally:
        await exporting.pool.close()


OF_TABLE = {"table": '"bounds"."rows"', "sql": "SELECT * FROM bounds.rows"}


@pytest.mark.parametrize("extension", ["csv", "arrows"])
@pytest.mark.parametrize("divided", [OF_TABLE, OF_TABLE | {"ordered": False}, {"split_by": "id"}])
async def test_rows_are_counted_over_all_connections(
    database_url: str, monkeypatch: pytest.MonkeyPatch, divided: dict[str, Any], extension: str
) -> None:
    monkeypatch.setattr(scan, "_BYTES_EACH", 1)
    monkeypatch.setattr("queries.walk.BLOCK_BYTES", 1 << 16)
    exporting = database(database_url, 3)
    try:
        assert await document(exporting, bounded(extension, max_rows=ROWS, **divided))
        with pytest.raises(Exceeded, match="4999 rows"):
            await document(exporting, bounded(extension, max_rows=ROWS - 1, **divided))
    finally:
        await exporting.pool.close()


@pytest.mark.parametrize("how", ["copy", "cursor"])
@pytest.mark.parametrize("extension", FORMATS)
async def test_too_many_rows_of_a_small_export_are_known_before_its_first_byte(
    database_url: str, extension: str, how: str
) -> None:
    exporting = database(database_url)
    try:
        with ThreadPoolExecutor(1) as threads:
            chunks = export(
                bounded(extension, how, sql="SELECT generate_series(1, 10) AS i", max_rows=9), exporting, threads
            )
            with pytest.raises(Exceeded):
                await anext(chunks)
    finally:
        await exporting.pool.close()


@pytest.mark.parametrize("extension", FORMATS)
async def test_a_last_row_that_comes_before_the_end_is_counted_too(database_url: str, extension: str) -> None:
    """Each row is a block of its own, taken before the server says how many there were."""
    exporting = database(database_url)
    try:
        with pytest.raises(Exceeded):
            sql = "SELECT repeat('.', 300000) AS dots FROM generate_series(1, 5)"
            await document(exporting, bounded(extension, sql=sql, max_rows=4))
    finally:
        await exporting.pool.close()


@pytest.mark.parametrize("how", ["copy", "cursor"])
async def test_the_server_stops_after_one_row_more_than_there_may_be(database_url: str, how: str) -> None:
    """To the end this query would take longer than any test."""
    exporting = database(database_url)
    try:
        with pytest.raises(Exceeded):
            sql = "SELECT i FROM (SELECT generate_series(1, 1000000000000) AS i) s"
            await document(exporting, bounded("csv", how, sql=sql, max_rows=10))
    finally:
        await exporting.pool.close()


async def test_a_parallel_scan_stops_soon_after_the_last_row_that_may_be(
    database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(scan, "_BYTES_EACH", 1)
    monkeypatch.setattr("queries.walk.BLOCK_BYTES", 1 << 14)
    exporting = database(database_url, 3)
    ordered = bounded("csv", max_rows=10, **OF_TABLE)
    try:
        with ThreadPoolExecutor(1) as threads, pytest.raises(Exceeded):
            sent = 0
            async for chunk in export(ordered, exporting, threads):
                sent += chunk.count(b"\n")
        assert sent < ROWS / 2
    finally:
        await exporting.pool.close()


@pytest.mark.parametrize("how", ["copy", "cursor"])
async def test_who_asks_for_no_more_than_there_may_be_gets_it(database_url: str, how: str) -> None:
    exporting = database(database_url)
    try:
        for limit in (9, 10):
            body = await document(exporting, bounded("csv", how, max_rows=10, limit=limit))
            assert body.count(b"\n") == limit + 1
        with pytest.raises(Exceeded):
            await document(exporting, bounded("csv", how, max_rows=10, limit=11))
    finally:
        await exporting.pool.close()


@pytest.mark.parametrize("how", ["copy", "cursor"])
async def test_the_planner_is_asked_about_the_query_as_it_will_run(database_url: str, how: str) -> None:
    exporting = database(database_url)
    try:
        with pytest.raises(Exceeded, match=f"more than {ROWS - 1} rows"):
            await document(exporting, bounded("csv", how, max_estimated_rows=ROWS - 1))
        fits: list[dict[str, Any]] = [{"max_estimated_rows": ROWS}, {"max_estimated_rows": 20, "limit": 20}]
        for fitting in fits:
            assert await document(exporting, bounded("csv", how, **fitting))
        # One row more than there may be is no reason to expect fewer.
        with pytest.raises(Exceeded, match="max_estimated_rows"):
            await document(exporting, bounded("csv", how, max_estimated_rows=ROWS - 1, max_rows=1))
    finally:
        await exporting.pool.close()


PLACE = Place("somebody", "rows")


def one_place() -> Admission:
    return Admission(1, per_principal=0, most_waiting=1, patience=5)


async def body(exporting: Database, admission: Admission, ordered: Order) -> bytes:
    return await document(exporting, ordered, turn=admission.holding(PLACE))


async def test_bytes_are_counted_as_they_are_sent(database_url: str) -> None:
    exporting, admission = database(database_url), one_place()
    try:
        size = len(await body(exporting, admission, bounded("csv")))
        assert len(await body(exporting, admission, bounded("csv", max_bytes=size))) == size
        with pytest.raises(Exceeded, match="max_bytes"):
            await body(exporting, admission, bounded("csv", max_bytes=size - 1))
    finally:
        await exporting.pool.close()
    assert admission.running == 0


async def test_time_ends_a_query_that_gives_nothing(database_url: str) -> None:
    exporting, admission = database(database_url, 1), one_place()
    ordered = bounded("csv", sql="SELECT pg_sleep(60)", max_seconds=0.3)
    try:
        with pytest.raises(Exceeded, match="max_seconds"):
            await body(exporting, admission, ordered)
        assert admission.running == 0
        assert await document(exporting, bounded("csv", limit=1))
    finally:
        await exporting.pool.close()


async def test_time_ends_the_waiting_for_a_place(database_url: str) -> None:
    exporting, admission = database(database_url, 1), one_place()
    await admission.enter(Place("somebody", "else"))
    try:
        with pytest.raises(Exceeded):
            await body(exporting, admission, bounded("csv", max_seconds=0.1))
        assert (admission.running, admission.waiting) == (1, 0)
        assert exporting.pool.spare == 1
    finally:
        await exporting.pool.close()


async def test_the_place_is_held_until_the_connection_is_back(database_url: str) -> None:
    exporting, admission = database(database_url, 1), one_place()
    try:
        with ThreadPoolExecutor(1) as threads:
            chunks = export(bounded("csv"), exporting, threads, turn=admission.holding(PLACE))
            assert await anext(chunks)
            assert (admission.running, exporting.pool.spare) == (1, 0)
            await chunks.aclose()
        assert (admission.running, exporting.pool.spare) == (0, 1)
    finally:
        await exporting.pool.close()
