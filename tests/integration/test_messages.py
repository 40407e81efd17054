"""What the server says in the middle of a COPY costs no row; what does cost rows is a failure.

The driver drops the rows that it holds when a message comes: https://github.com/MagicStack/asyncpg/issues/1264.
"""

import asyncio
from collections.abc import AsyncIterator

import pytest

from exporter.exports.database import Database
from queries.blocks import joined
from queries.connection import Connection, driver_of
from queries.copy import copy, takes_copy
from queries.errors import DatabaseUnavailable, RowsLost
from queries.source import BLOCK_BYTES
from tests.decoding import read
from tests.exporting import database, document, opened, order, texts
from tests.postgres import execute
from tests.proxy import TellingProxy

pytestmark = pytest.mark.anyio

LEVELS = ["DEBUG", "LOG", "INFO", "NOTICE", "WARNING"]
EXTENSIONS = ["csv", "ndjson", "parquet", "arrows"]

SCHEMA = (
    """
DROP SCHEMA IF EXISTS messages CASCADE;
CREATE SCHEMA messages;
CREATE TABLE messages.counted AS SELECT i, repeat('.', 100) AS dots FROM generate_series(1, 6000) i;
"""
    + "".join(
        f"""
CREATE FUNCTION messages.{level}(i int) RETURNS int LANGUAGE plpgsql AS $$BEGIN
    PERFORM set_config('client_min_messages', 'debug5', true);
    RAISE {level} 'row %', i;
    RETURN i;
END$$;
"""
        for level in LEVELS
    )
    + """
CREATE FUNCTION messages.folded() RETURNS int IMMUTABLE LANGUAGE plpgsql AS $$BEGIN
    RAISE INFO '%', repeat('.', 20000000);
    RETURN 1;
END$$;
"""
)


@pytest.fixture(scope="module")
def anyio_backend() -> tuple[str, dict[str, bool]]:
    """The service's own loop."""
    return "asyncio", {"use_uvloop": True}


@pytest.fixture(scope="module", autouse=True)
async def functions(database_url: str) -> None:
    await execute(database_url, SCHEMA)


@pytest.fixture
async def exporting(database_url: str) -> AsyncIterator[Database]:
    async with opened(database_url, size=3) as database:
        yield database


@pytest.mark.parametrize("level", LEVELS)
@pytest.mark.parametrize("rows", [1, 500, 30_000])
async def test_a_function_that_says_something_for_each_row(exporting: Database, level: str, rows: int) -> None:
    said = f"SELECT messages.{level}(i) AS i, repeat('.', i % 50) AS dots FROM generate_series(1, {rows}) i"
    silent = said.replace(f"messages.{level}(i) AS i", "i")
    assert await document(exporting, order(said, "csv")) == await document(exporting, order(silent, "csv"))


@pytest.mark.parametrize("extension", EXTENSIONS)
async def test_every_format(exporting: Database, extension: str) -> None:
    said = order("SELECT messages.info(i) AS i FROM generate_series(1, 500) i", extension)
    silent = order("SELECT i FROM generate_series(1, 500) i", extension)
    assert read(extension, await document(exporting, said)) == read(extension, await document(exporting, silent))


@pytest.mark.parametrize("ordered", [True, False])
async def test_a_table_that_several_connections_read(exporting: Database, small: None, ordered: bool) -> None:
    sql = "SELECT i, messages.notice(i) AS said, dots FROM messages.counted WHERE i % 3 > 0"
    lines = (await document(exporting, order(sql, "csv", split_by="i", ordered=ordered))).splitlines()
    assert sorted(lines[1:]) == sorted(b"%d,%d,%b" % (i, i, b"." * 100) for i in range(1, 6001) if i % 3)


_LOGGED = "SELECT messages.info(i) AS i, '{}' = set_config('log_min_duration_statement', '0', true) AS b {}"


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT messages.folded() AS i FROM generate_series(1, 3)",
        "SELECT i, set_config('search_path', repeat('s', 20000), true) IS NULL AS b FROM generate_series(1, 3) i",
        "SELECT i, set_config('TimeZone', 'Asia/Tokyo', true) AS b FROM generate_series(1, 3) i",
        _LOGGED.format("é" * 200_000, "FROM generate_series(1, 3) i"),
    ],
    ids=["before the first row", "a long setting", "a setting", "the whole statement behind the last row"],
)
async def test_messages_around_the_rows_are_not_taken_for_rows(exporting: Database, sql: str) -> None:
    copied, fetched = [await document(exporting, order(sql, "csv", source=source)) for source in ("copy", "cursor")]
    assert copied == fetched
    assert copied.count(b"\n") == 4


async def test_nothing_but_a_copy_is_looked_at(exporting: Database) -> None:
    """Each look costs the event loop time."""
    async with exporting.pool.transaction("looked at") as connection:
        assert await takes_copy(connection)
        driver = driver_of(connection)
        assert driver._transport.get_protocol() is driver._protocol


async def test_a_connection_that_is_lost_before_its_copy(exporting: Database) -> None:
    with pytest.raises(DatabaseUnavailable):
        async with exporting.pool.transaction("lost") as connection:
            connection.terminate()
            async with copy(connection, "SELECT 1", texts(1)) as source:
                await anext(aiter(source))


async def test_ordinary_messages_are_not_even_sent(exporting: Database) -> None:
    async with exporting.pool.transaction("asked") as connection:
        assert await connection.fetchval("SHOW client_min_messages") == "error"


async def test_a_reader_that_stops_stops_a_server_that_talks(exporting: Database, database_url: str) -> None:
    """Each message flushes what the server has, so that the driver hands nothing over by itself."""
    sql = "SELECT messages.notice(i) AS i, repeat('.', 2000) AS dots FROM generate_series(1, 100000) i"
    async with exporting.pool.transaction("stopped") as connection, exporting.pool.transaction("watching") as watching:
        pid = connection.get_server_pid()
        async with copy(connection, sql, texts(2)) as source:
            blocks = aiter(source)
            rows = joined(await anext(blocks)).count(b"\n")
            await until_it_waits_for_its_client(watching, pid)
            assert source.received < 4 * BLOCK_BYTES
            async for block in blocks:
                rows += joined(block).count(b"\n")
        assert rows == source.rows == 100_000
        assert await connection.fetchval("SELECT 1") == 1


async def test_a_reader_that_leaves_while_the_server_talks(exporting: Database) -> None:
    sql = "SELECT messages.notice(i) AS i, repeat('.', 2000) AS dots FROM generate_series(1, 200000) i"
    backends = set()
    for number in range(20):
        async with exporting.pool.transaction("left") as connection:
            backends.add(connection.get_server_pid())
            async with copy(connection, sql, texts(2)) as source:
                await anext(aiter(source))
                await asyncio.sleep(number / 500)
    assert len(backends) == 1, "the connection is used again"


async def until_it_waits_for_its_client(connection: Connection, pid: int) -> None:
    while True:
        await connection.execute("SELECT pg_stat_clear_snapshot()")
        event = await connection.fetchval("SELECT wait_event FROM pg_stat_activity WHERE pid = $1", pid)
        if event == "ClientWrite":
            return
        await asyncio.sleep(0.01)


@pytest.fixture
async def telling(database_url: str) -> AsyncIterator[Database]:
    async with TellingProxy(database_url) as proxy:
        exporting = database(proxy.dsn, size=3)
        yield exporting
        await exporting.pool.close()
        assert proxy.lost


SQL = "SELECT i, repeat('.', 100) AS dots FROM generate_series(1, 20000) i"


@pytest.mark.parametrize("extension", EXTENSIONS)
async def test_rows_that_are_lost_are_a_failure(telling: Database, extension: str) -> None:
    with pytest.raises(RowsLost):
        await document(telling, order(SQL, extension))


async def test_rows_that_are_lost_of_a_compressed_file(telling: Database) -> None:
    with pytest.raises(RowsLost):
        await document(telling, order(SQL, "csv", coding="gzip"))


@pytest.mark.parametrize("ordered", [True, False])
async def test_rows_that_one_of_several_connections_lost(telling: Database, small: None, ordered: bool) -> None:
    with pytest.raises(RowsLost):
        await document(telling, order("SELECT * FROM messages.counted", "csv", split_by="i", ordered=ordered))
