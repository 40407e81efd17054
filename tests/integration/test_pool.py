"""The pool gives every connection back, and fails in time and by name."""

import asyncio
import socket
from contextlib import suppress
from typing import Any, cast
from urllib.parse import quote

import asyncpg
import pytest

import queries.pool
from queries.binding import Template, bind
from queries.declaration import Parameter
from queries.describe import describe
from queries.errors import DatabaseUnavailable, PoolBusy
from queries.pool import Pool
from queries.session import Session
from tests.proxy import Proxy

pytestmark = pytest.mark.anyio


def _pool(dsn: str, **how: Any) -> Pool:
    usual: dict[str, Any] = {"size": 1, "acquire_timeout": 0.5, "session": Session(60, 10)}
    return Pool(dsn, **usual | how)


async def test_a_busy_pool_is_told_apart_from_a_database_that_is_away(database_url: str) -> None:
    pool = _pool(database_url)
    async with pool.transaction("first"):
        with pytest.raises(PoolBusy):
            async with pool.transaction("second"):
                pass
    await pool.close()
    with pytest.raises(DatabaseUnavailable):
        async with _pool("postgresql://nobody@127.0.0.1:1/none").transaction("third"):
            pass


async def test_a_transaction_reads_only_under_the_session_settings_of_the_contract(database_url: str) -> None:
    pool = _pool(database_url)
    settings = {
        "transaction_read_only": "on",
        "transaction_isolation": "repeatable read",
        "DateStyle": "ISO, MDY",
        "TimeZone": "UTC",
        "IntervalStyle": "iso_8601",
        "bytea_output": "hex",
        "extra_float_digits": "1",
        "client_encoding": "UTF8",
        "statement_timeout": "1500ms",
        "synchronize_seqscans": "off",
        "application_name": "o'clock",
    }
    async with pool.transaction("o'clock", 1.5) as connection:
        found = {name: await connection.fetchval(f"SHOW {name}") for name in settings}
    assert found == settings
    async with pool.transaction("next") as connection:
        assert await connection.fetchval("SHOW statement_timeout") == "1min"
    await pool.close()


async def test_a_timeout_too_short_to_be_written_is_not_no_timeout(database_url: str) -> None:
    pool = _pool(database_url, session=Session(0.0001, 10))
    async with pool.transaction("short") as connection:
        with pytest.raises(asyncpg.QueryCanceledError):
            await connection.execute("SELECT pg_sleep(20)")
    await pool.close()


@pytest.mark.parametrize("last", ["SELECT 1", "SELECT 1/0"])
async def test_nothing_that_a_query_leaves_in_its_session_reaches_the_next(database_url: str, last: str) -> None:
    pool = _pool(database_url)
    async with pool.transaction("first") as connection:
        pid = await connection.fetchval("SELECT pg_backend_pid()")
        await connection.execute("SELECT pg_advisory_lock(42), set_config('search_path', 'pg_temp', false)")
        await connection.execute("DECLARE held CURSOR WITH HOLD FOR SELECT 1; COMMIT; LISTEN news; BEGIN READ ONLY")
        await connection.execute("PREPARE orders AS SELECT 'another caller''s'")
        with suppress(asyncpg.DivisionByZeroError):
            await connection.execute(last)
    async with pool.transaction("next") as connection:
        assert await connection.fetchval("SELECT pg_backend_pid()") == pid
        assert "public" in await connection.fetchval("SHOW search_path")
        for left in (
            "pg_locks WHERE locktype = 'advisory' AND pid = pg_backend_pid()",
            "pg_cursors WHERE is_holdable",
            "pg_listening_channels()",
            "pg_prepared_statements WHERE name = 'orders'",
        ):
            assert await connection.fetchval(f"SELECT count(*) FROM {left}") == 0, left
    await pool.close()


async def test_a_transaction_and_its_arguments_wait_for_the_server_no_more_often_than_they_must(
    database_url: str,
) -> None:
    template = Template("SELECT :a, :b", (Parameter(name="a", type="integer"), Parameter(name="b", type="text")))
    async with Proxy(database_url) as proxy:
        pool = _pool(proxy.dsn)
        async with pool.transaction("first"):
            pass
        proxy.waits = 0
        async with pool.transaction("second") as connection:
            assert proxy.waits == 1, "to begin"
            described = await describe(connection, template.numbered())
            assert proxy.waits == 2, "to describe"
            await bind(connection, template, ["1", "b"], described)
            assert proxy.waits == 5, "to prepare what turns arguments into text, to run it, to describe what came of it"
        assert proxy.waits == 6, "to end the transaction and all that outlives one"
        await pool.close()


async def test_a_connection_that_the_server_ended_is_replaced_and_the_failure_keeps_its_name(database_url: str) -> None:
    pool = _pool(database_url)
    with pytest.raises(DatabaseUnavailable):
        async with pool.transaction("ended") as connection:
            pid = await connection.fetchval("SELECT pg_backend_pid()")
            killer = _pool(database_url)
            async with killer.transaction("killer") as other:
                await other.execute(f"SELECT pg_terminate_backend({pid})")
            await killer.close()
            await asyncio.sleep(0.2)
            raise DatabaseUnavailable("as whoever used the connection saw it")
    async with pool.transaction("next") as connection:
        assert await connection.fetchval("SELECT 1") == 1
    await pool.close()


async def test_a_connection_that_died_silently_does_not_hang_the_next_export(database_url: str) -> None:
    async with Proxy(database_url) as proxy:
        pool = _pool(proxy.dsn)
        async with pool.transaction("first"):
            pass
        proxy.frozen = True
        with pytest.raises(DatabaseUnavailable):
            async with asyncio.timeout(20), pool.transaction("second"):
                pass
        proxy.frozen = False
        async with pool.transaction("third") as connection:
            assert await connection.fetchval("SELECT 1") == 1
        await pool.close()


async def test_a_lost_server_is_noticed_by_the_kernel_and_a_lost_service_by_the_server(database_url: str) -> None:
    async with Proxy(database_url) as proxy:
        pool = _pool(proxy.dsn)
        async with pool.transaction("probed") as connection:
            end = cast("Any", connection)._con._transport.get_extra_info("socket")
            assert end.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE)
            assert end.getsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT) == 60_000
            assert await connection.fetchval("SHOW client_connection_check_interval") == "5s"
        await pool.close()


KEPT = (
    "application_name=ours&channel_binding=prefer&client_encoding=UTF8&connect_timeout=10&gssencmode=prefer"
    "&keepalives=1&keepalives_idle=21&keepalives_interval=0&keepalives_count=4&tcp_user_timeout=12000"
    "&load_balance_hosts=random&options=-c%20geqo%3Doff&sslmode=disable&target_session_attrs=read-write"
)
PROBES = {"TCP_KEEPIDLE": 21, "TCP_KEEPCNT": 4, "TCP_USER_TIMEOUT": 12_000}


async def test_parameters_of_a_url_are_kept(database_url: str) -> None:
    async with Proxy(database_url) as proxy:
        pool = _pool(f"{proxy.dsn.partition('?')[0]}?{KEPT}")
        async with pool.transaction("kept") as connection:
            end = cast("Any", connection)._con._transport.get_extra_info("socket")
            assert {name: end.getsockopt(socket.IPPROTO_TCP, getattr(socket, name)) for name in PROBES} == PROBES
            with socket.socket() as other:
                default = other.getsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPINTVL)
            assert end.getsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPINTVL) == default, "0 is the system's own"
            assert end.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE)
            assert await connection.fetchval("SHOW geqo") == "off"
            asking = "SELECT reset_val FROM pg_settings WHERE name = 'application_name'"
            assert await connection.fetchval(asking) == "ours"
        await pool.close()
        pool = _pool(f"{proxy.dsn}&keepalives=0")
        async with pool.transaction("silent") as connection:
            end = cast("Any", connection)._con._transport.get_extra_info("socket")
            assert not end.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE)
        await pool.close()


@pytest.mark.parametrize("options", ["-c no_such_setting=1", "-c geqo=maybe", "--bogus"])
async def test_a_server_that_refuses_what_the_url_says_is_no_fault_of_a_query(database_url: str, options: str) -> None:
    pool = _pool(f"{database_url}{'&' if '?' in database_url else '?'}options={quote(options)}")
    with pytest.raises(DatabaseUnavailable) as refused:
        async with pool.transaction("refused"):
            pass
    assert refused.value.sqlstate
    await pool.close()


async def test_a_server_that_cannot_watch_its_clients_is_read_all_the_same(
    database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """PostgreSQL before 14, and on Windows."""
    monkeypatch.setattr(queries.pool, "_WATCH", "SET LOCAL no_such_setting = '5s';")
    pool = _pool(database_url)
    async with pool.transaction("unwatched") as connection:
        assert await connection.fetchval("SELECT 1") == 1
    await pool.close()
