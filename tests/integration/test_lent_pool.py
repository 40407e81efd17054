"""Exports over a host application's own pool: the same rows, and a connection that is as it was."""

import asyncio
import io
import ssl
from collections.abc import AsyncGenerator, AsyncIterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, replace
from typing import Any, Literal, NoReturn, TypeAlias

import asyncpg
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from exporter.exports import scan
from exporter.exports.database import Database
from exporter.exports.engine import Engine
from exporter.exports.observers import Ended, Observation
from exporter.exports.order import Order
from exporter.problems import Problem
from queries import walk
from queries.connection import Connection, driver_of
from queries.copy import copy
from queries.declaration import Parameter
from queries.describe import describe
from queries.errors import DatabaseUnavailable, PoolBusy, PoolUnusable
from queries.lent_pool import LentPool
from queries.session import Session
from tests.exporting import document, opened, order, texts
from tests.integration.front import AUTHORITY, Front
from tests.postgres import execute

pytestmark = pytest.mark.anyio

HostPool: TypeAlias = "asyncpg.Pool[Any]"

SCHEMA = """
DROP SCHEMA IF EXISTS lent CASCADE;
CREATE SCHEMA lent;
CREATE TYPE lent.mood AS ENUM ('sad', 'happy');
CREATE TABLE lent.rows AS
SELECT i AS id, i::int2 AS small, i::int8 AS big, i / 7.0 AS amount, i / 7.0::float8 AS real, i % 2 = 0 AS even,
       'ä,"' || i AS text, ('n' || i)::name AS name, decode(md5(i::text), 'hex') AS bytea, date '2024-01-01' + i AS day,
       timestamptz '2024-01-01Z' + i * interval '1 s' AS at, i * interval '1 s' AS span, md5(i::text)::uuid AS uuid,
       json_build_object('i', i) AS json, jsonb_build_array(i) AS jsonb, ARRAY[i, NULL] AS numbers,
       ARRAY['x' || i] AS texts, 'happy'::lent.mood AS mood, int4range(i, i + 1) AS range
FROM generate_series(1, 3000) i;
ANALYZE lent.rows;
CREATE FUNCTION lent.info(i int) RETURNS int LANGUAGE plpgsql AS $$BEGIN RAISE INFO 'row %', i; RETURN i; END$$;
CREATE FUNCTION lent.leave(many int) RETURNS int LANGUAGE plpgsql AS $$BEGIN
    EXECUTE 'PREPARE of_the_query AS SELECT 1';
    PERFORM pg_advisory_lock(-7), pg_advisory_lock_shared(1, -2), pg_advisory_lock(3);
    PERFORM set_config('work_mem', '9MB', false);
    PERFORM pg_advisory_lock(8) FROM generate_series(1, many);
    RETURN 1;
END$$;
"""

CODECS: dict[Literal["text", "binary"], list[str]] = {
    "text": ["json", "jsonb", "text", "varchar", "name", "numeric", "timestamptz", "date", "bytea", "bool", "regclass"],
    "binary": ["uuid", "int2", "int4", "int8", "float8", "oid", "char"],
}

SETTINGS = "SELECT name, setting FROM pg_settings"

HELD = [
    "SELECT name, statement FROM pg_prepared_statements",
    "SELECT classid, objid, objsubid, mode FROM pg_locks WHERE locktype = 'advisory' AND pid = pg_backend_pid()",
    "SELECT pg_listening_channels()",
    "SELECT name FROM pg_cursors WHERE is_holdable",
]


@dataclass(frozen=True)
class Wrapped:
    """What the host's codecs make of any value, and all that they take."""

    value: object


class HostRecord(asyncpg.Record):
    """The host's own records, whose values have names."""

    def __getitem__(self, name: Any) -> Any:
        assert isinstance(name, str)
        return super().__getitem__(name)


class HostConnection(asyncpg.Connection):
    """The host's own connections, which nothing but the host asks."""

    async def _refuse(self, *_: object, **__: object) -> NoReturn:
        raise AssertionError("this is the host's")

    prepare = executemany = fetchrow = fetchval = copy_from_query = _refuse


class Counted(Observation):
    """Learns how many connections an export has read with."""

    def ended(self, ended: Ended) -> None:
        self.connections = ended.connections


async def nothing(connection: object) -> None:
    """The host's own reset, which resets nothing."""


async def prepared(connection: "asyncpg.Connection[Any]") -> None:
    """Leave on a connection what a host may have there."""
    for format_, types in CODECS.items():
        for name in types:
            await connection.set_type_codec(
                name, schema="pg_catalog", encoder=lambda wrapped: wrapped.value, decoder=Wrapped, format=format_
            )
    await connection.execute(
        "SET work_mem = '7MB'; SET TimeZone = 'Asia/Tokyo'; SET DateStyle = 'German'; SET search_path = pg_temp;"
        "SET application_name = 'host'; LISTEN news; SELECT pg_advisory_lock(5, pg_backend_pid());"
        "PREPARE of_the_host AS SELECT 1"
    )


@pytest.fixture(scope="module", params=[False, True], ids=["asyncio", "uvloop"])
def anyio_backend(request: pytest.FixtureRequest) -> tuple[str, dict[str, bool]]:
    return "asyncio", {"use_uvloop": request.param}


@pytest.fixture(scope="module", autouse=True)
async def schema(database_url: str) -> None:
    await execute(database_url, SCHEMA)


@asynccontextmanager
async def host(dsn: str | None, size: int = 2, **how: Any) -> AsyncIterator[HostPool]:
    settings: dict[str, Any] = {
        "init": prepared,
        "reset": nothing,
        "connection_class": HostConnection,
        "record_class": HostRecord,
    }
    async with asyncpg.create_pool(dsn, min_size=0, max_size=size, **settings | how) as pool:
        yield pool


@asynccontextmanager
async def lent(
    pool: HostPool, most: int | None = None, *, seconds: float = 5.0, parallel: int = 1
) -> AsyncIterator[Database]:
    """A database over a host's pool, of which every connection is back when the block ends."""
    of_host = LentPool(pool, acquire_timeout=seconds, session=Session(60, 10), most=most)
    yield Database(of_host, parallel=parallel, parallel_connections=parallel)
    assert of_host._taken == 0
    assert not pool.is_closing()
    await of_host.close()
    assert not pool.is_closing()


Changes: TypeAlias = tuple[list[int], list[str], set[tuple[Any, ...]]]

UNCHANGED: Changes = ([], [], set())


@dataclass
class State:
    """All that the next user of a connection finds on it."""

    pid: int
    settings: dict[str, str]
    held: set[tuple[Any, ...]]

    def changes(self, other: "State") -> Changes:
        """Return the other process if it is another, the settings that differ, and what only one of them holds."""
        names = [name for name, value in self.settings.items() if other.settings[name] != value]
        return [other.pid] * (self.pid != other.pid), names, self.held ^ other.held


async def state(pool: HostPool) -> State:
    async with pool.acquire() as connection:
        assert not connection.is_in_transaction()
        driver = driver_of(connection)
        assert driver._transport.get_protocol() is driver._protocol
        settings = dict(await connection.fetch(SETTINGS))
        held = {tuple(row.values()) for sql in HELD for row in await connection.fetch(sql)}
        assert all(type(row) is HostRecord for row in await connection.fetch("SELECT 1"))
        return State(connection.get_server_pid(), settings, held)


async def used(pool: HostPool) -> State:
    """The state of a pool's next connection, once the host has asked on it before."""
    await state(pool)
    return await state(pool)


def read(extension: str, body: bytes) -> Any:
    """The rows, without the time of the snapshot and where the batches end."""
    if extension == "parquet":
        return pq.read_table(io.BytesIO(body)).to_pylist()
    return pa.ipc.open_stream(body).read_all().to_pylist() if extension == "arrows" else body


@pytest.mark.parametrize("extension", ["csv", "ndjson", "parquet", "arrows"])
@pytest.mark.parametrize("source", ["copy", "cursor"])
async def test_every_format_over_a_pool_with_codecs_of_its_own(database_url: str, source: str, extension: str) -> None:
    ids, since = Parameter(name="ids", type="integer[]"), Parameter(name="since", type="timestamptz")
    sql = "SELECT * FROM lent.rows WHERE NOT id = ANY (:ids) AND at > :since"
    arguments = {"ids": ["5", "6", None], "since": "2024-01-01 00:00:09+00:00"}
    wanted = order(sql.replace("NOT id = ANY (:ids)", "(id = ANY (:ids)) IS NULL"), extension, source,
                   parameters=(ids, since), arguments=arguments, dated=True)  # fmt: skip
    async with opened(database_url) as own, host(database_url) as pool, lent(pool) as of_host:
        expected = read(extension, await document(own, wanted))
        before = await used(pool)
        assert read(extension, await document(of_host, wanted)) == expected
        assert before.changes(await state(pool)) == UNCHANGED
        assert (await pool.fetch("SELECT 7::int4, 'x'::text"))[0]["text"] == Wrapped("x")


@pytest.mark.parametrize("how", [{"table": '"lent"."rows"'}, {"split_by": "id"}, {"split_by": "at"}], ids=str)
async def test_a_large_table_in_parts(database_url: str, monkeypatch: pytest.MonkeyPatch, how: dict[str, str]) -> None:
    monkeypatch.setattr(scan, "_BYTES_EACH", 1)
    monkeypatch.setattr(walk, "BLOCK_BYTES", 30_000)
    wanted = order("SELECT * FROM lent.rows", "csv", **how)
    async with opened(database_url, 1) as own, host(database_url, 4) as pool, lent(pool, parallel=3) as of_host:
        expected = await document(own, wanted)
        async with AsyncExitStack() as stack:
            for _ in range(4):
                await stack.enter_async_context(pool.acquire())
        before = await used(pool)
        counted = Counted()
        assert await document(of_host, wanted, [lambda began: counted]) == expected
        assert counted.connections == 3
        assert before.changes(await state(pool)) == UNCHANGED


@pytest.mark.parametrize(("held", "connections"), [(0, 3), (1, 2), (2, 1), (3, 1)])
async def test_a_scan_in_parts_leaves_the_host_its_own(
    database_url: str, monkeypatch: pytest.MonkeyPatch, held: int, connections: int
) -> None:
    monkeypatch.setattr(scan, "_BYTES_EACH", 1)
    wanted = order("", "csv", table='"lent"."rows"')
    async with host(database_url, 4) as pool, lent(pool, 3, parallel=4) as of_host, AsyncExitStack() as stack:
        for _ in range(held):
            await stack.enter_async_context(pool.acquire())
        counted = Counted()
        await document(of_host, wanted, [lambda began: counted])
        assert counted.connections == connections


@pytest.mark.parametrize("source", ["copy", "cursor"])
async def test_what_a_query_leaves_behind_is_undone_and_what_the_host_has_stays(database_url: str, source: str) -> None:
    async with host(database_url, 1) as pool, lent(pool) as of_host:
        before = await used(pool)
        assert await document(of_host, order("SELECT lent.leave(1) AS i", "csv", source)) == b"i\n1\n"
        assert before.changes(await state(pool)) == UNCHANGED


async def test_a_query_that_leaves_what_cannot_be_undone_costs_its_session(database_url: str) -> None:
    async with host(database_url, 1) as pool, lent(pool) as of_host:
        before = await used(pool)
        await document(of_host, order("SELECT lent.leave(2) AS i", "csv"))
        after = await used(pool)
        assert after.pid != before.pid
        assert after.settings == before.settings
        assert len(after.held) == len(before.held)


async def test_a_query_that_fails_leaves_nothing(database_url: str) -> None:
    async with host(database_url, 1) as pool, lent(pool) as of_host:
        before = await used(pool)
        for sql in (
            "SELECT 1/0 AS i",
            "SELECT no_such_column",
            "SELECT lent.leave(1), 1/(i - 1000) FROM lent.rows r(i)",
        ):
            with pytest.raises(Exception):  # noqa: B017 - each fails in its own way
                await document(of_host, order(sql, "csv"))
            assert before.changes(await state(pool)) == UNCHANGED


@asynccontextmanager
async def over_tls(dsn: str) -> AsyncIterator[HostPool]:
    """A pool whose connections are in TLS; the embedded server knows none, so something in front of it does."""
    trusting = ssl.create_default_context()
    AUTHORITY.configure_trust(trusting)
    async with Front(dsn, direct=False) as front:
        how = {"host": "localhost", "port": front.port, "user": front._user or "postgres", "database": front._name[1:]}
        async with host(None, 1, ssl=trusting, **how) as pool:
            yield pool


@pytest.mark.parametrize("tls", [False, True])
async def test_a_message_for_each_row_costs_no_row(database_url: str, tls: bool) -> None:
    sql = "SELECT lent.info(i) AS i, repeat('.', i % 50) AS dots FROM generate_series(1, 20000) i"
    async with over_tls(database_url) if tls else host(database_url, 1) as pool, lent(pool) as of_host:
        before = await used(pool)
        silent = await document(of_host, order(sql.replace("lent.info(i)", "i"), "csv"))
        assert await document(of_host, order(sql, "csv")) == silent
        assert silent.count(b"\n") == 20_001
        assert before.changes(await state(pool)) == UNCHANGED


async def test_whoever_listens_to_messages_still_gets_them(connection: Connection) -> None:
    heard, told = list[object](), asyncio.Event()

    def listen(_: object, message: object) -> None:
        heard.append(message)
        if len(heard) == 500:
            told.set()

    connection.add_log_listener(listen)
    async with copy(connection, "SELECT lent.info(i) FROM generate_series(1, 500) i", texts(1)) as source:
        async for _ in source:
            pass
    await told.wait()
    assert source.rows == len(heard) == 500
    connection.remove_log_listener(listen)


ENDLESS = "SELECT repeat('x', 1000) AS text, generate_series(1, 1000000000) AS i"


@asynccontextmanager
async def running(database: Database, wanted: Order) -> AsyncIterator[AsyncGenerator[bytes]]:
    """A run whose first chunk has been taken."""
    with ThreadPoolExecutor(2) as threads:
        async with Engine(database, threads).run(wanted) as run:
            chunks = run.chunks()
            await anext(chunks)
            yield chunks


@pytest.mark.parametrize("tls", [False, True])
async def test_a_reader_that_leaves(database_url: str, tls: bool) -> None:
    async with over_tls(database_url) if tls else host(database_url, 1) as pool, lent(pool) as of_host:
        before = await used(pool)
        for source in ("copy", "cursor"):
            async with running(of_host, order(ENDLESS, "csv", source)):
                pass
            assert before.changes(await state(pool)) == UNCHANGED


async def test_the_host_goes_on_meanwhile(database_url: str) -> None:
    async with host(database_url, 3) as pool, lent(pool, seconds=0.1) as of_host:
        wanted = order(ENDLESS, "csv")
        async with running(of_host, wanted), running(of_host, replace(wanted, format=wanted.format)):
            assert of_host.pool.spare == 0
            with pytest.raises(PoolBusy):
                await document(of_host, order("SELECT 1 AS i", "csv"))
            assert len(await pool.fetch("SELECT 1")) == 1
        assert len(await pool.fetch("SELECT 1")) == 1


@pytest.mark.parametrize("source", ["copy", "cursor"])
async def test_a_killed_backend(database_url: str, source: str) -> None:
    async with host(database_url) as pool, lent(pool) as of_host:
        before = await used(pool)
        with pytest.raises(Problem) as failed:
            async with running(of_host, order(ENDLESS, "csv", source)) as chunks:
                await execute(database_url, f"SELECT pg_terminate_backend({before.pid})")
                async for _ in chunks:
                    pass
        assert isinstance(failed.value.__cause__, DatabaseUnavailable)
        after = await used(pool)
        assert after.pid != before.pid
        assert after.settings == before.settings
        assert len(after.held) == len(before.held)


async def test_a_pool_that_the_host_cuts_under_an_export(database_url: str) -> None:
    async with host(database_url, connection_class=asyncpg.Connection) as pool:
        of_host = LentPool(pool, acquire_timeout=5, session=Session(60, 10))
        with pytest.raises(Problem) as failed:
            async with running(Database(of_host), order(ENDLESS, "csv")) as chunks:
                pool.terminate()
                async for _ in chunks:
                    pass
        assert isinstance(failed.value.__cause__, DatabaseUnavailable)
        assert of_host._taken == 0


@pytest.mark.parametrize("of_host", [False, True])
async def test_a_connection_that_is_lost_before_its_query_is_described(database_url: str, of_host: bool) -> None:
    async with host(database_url) as pool, lent(pool) as over_host, opened(database_url) as own:
        with pytest.raises(DatabaseUnavailable):
            async with (over_host if of_host else own).pool.transaction("lost") as connection:
                connection.terminate()
                await describe(connection, "SELECT 1")


async def test_two_engines_on_one_pool(database_url: str) -> None:
    async with host(database_url, 4) as pool, lent(pool, 1) as one, lent(pool, 2) as other:
        wanted = order("SELECT lent.info(id) AS said, * FROM lent.rows", "csv")
        found = await asyncio.gather(*(document(database, wanted) for database in (one, other) for _ in range(6)))
        assert len(set(found)) == 1
        assert found[0].count(b"\n") == 3001
        async with running(one, order(ENDLESS, "csv")), running(other, order(ENDLESS, "csv")):
            assert len(await pool.fetch("SELECT 1")) == 1


@pytest.mark.parametrize("source", ["copy", "cursor"])
async def test_the_host_s_time_limit_is_for_the_host_s_statements(database_url: str, source: str) -> None:
    """The query takes much longer than that."""
    pool = await asyncpg.create_pool(database_url, min_size=0, max_size=1, command_timeout=0.001)
    async with lent(pool) as of_host:
        sql = "SELECT i, pg_sleep(0.001) IS NULL AS slept FROM generate_series(1, 100) i"
        assert (await document(of_host, order(sql, "csv", source))).count(b"\n") == 101
    pool.terminate()  # to close it takes longer, too


async def test_a_reset_of_the_host_s_that_fails_costs_the_connection_and_no_export(
    database_url: str, caplog: pytest.LogCaptureFixture
) -> None:
    async def broken(connection: object) -> NoReturn:
        raise RuntimeError("the host's own mistake")

    async with host(database_url, 1, reset=broken) as pool, lent(pool) as of_host:
        for _ in range(2):
            assert await document(of_host, order("SELECT 1 AS i", "csv")) == b"i\n1\n"
    assert "the host's own mistake" in caplog.text


async def asked(pool: HostPool) -> Any:
    async with LentPool(pool, acquire_timeout=5, session=Session(60, 10)).transaction("asked") as connection:
        return await connection.fetchval("SELECT 1")


async def test_a_pool_that_is_not_open(database_url: str) -> None:
    pool = asyncpg.create_pool(database_url, min_size=0)
    with pytest.raises(PoolUnusable, match="await pool"):
        await asked(pool)
    await pool
    assert await asked(pool) == 1
    await pool.close()
    with pytest.raises(DatabaseUnavailable, match="the pool is closed"):
        await asked(pool)


async def test_a_pool_of_another_event_loop(database_url: str) -> None:
    other = asyncio.new_event_loop()
    pool = asyncpg.create_pool(database_url, min_size=0, loop=other)
    with pytest.raises(PoolUnusable, match="another event loop"):
        await asked(pool)
    other.close()


@pytest.mark.parametrize(("size", "most", "expected"), [(1, None, 1), (10, None, 9), (10, 10, 10), (1, 1, 1)])
async def test_how_much_of_a_pool_exports_take(database_url: str, size: int, most: int | None, expected: int) -> None:
    pool = asyncpg.create_pool(database_url, min_size=0, max_size=size)
    taken = LentPool(pool, acquire_timeout=5, session=Session(60, 10), most=most)
    assert taken.size == taken.spare == expected


@pytest.mark.parametrize("most", [-1, 0, 3])
async def test_more_than_a_pool_has(database_url: str, most: int) -> None:
    pool = asyncpg.create_pool(database_url, min_size=0, max_size=2)
    with pytest.raises(ValueError, match="expected 1 to 2, the pool's max_size"):
        LentPool(pool, acquire_timeout=5, session=Session(60, 10), most=most)
