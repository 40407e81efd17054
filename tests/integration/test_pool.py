"""The pool gives every connection back, and fails in time and by name."""

import asyncio

import asyncpg
import pytest

from queries.errors import DatabaseUnavailable, PoolBusy
from queries.pool import Pool
from tests.integration.test_copy_refused import Proxy

pytestmark = pytest.mark.anyio


def _pool(dsn, **how):
    return Pool(dsn, **{"size": 1, "acquire_timeout": 0.5, "statement_timeout": 60} | how)


async def test_a_busy_pool_is_told_apart_from_a_database_that_is_away(database_url):
    pool = _pool(database_url)
    async with pool.transaction("first"):
        with pytest.raises(PoolBusy):
            async with pool.transaction("second"):
                pass
    await pool.close()
    with pytest.raises(DatabaseUnavailable):
        async with _pool("postgresql://nobody@127.0.0.1:1/none").transaction("third"):
            pass


async def test_a_transaction_reads_only_under_the_session_settings_of_the_contract(database_url):
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
        "application_name": "o'clock",
    }
    async with pool.transaction("o'clock", 1.5) as connection:
        found = {name: await connection.fetchval(f"SHOW {name}") for name in settings}
    assert found == settings
    async with pool.transaction("next") as connection:
        assert await connection.fetchval("SHOW statement_timeout") == "1min"
    await pool.close()


async def test_a_timeout_too_short_to_be_written_is_not_no_timeout(database_url):
    pool = _pool(database_url, statement_timeout=0.0001)
    async with pool.transaction("short") as connection:
        with pytest.raises(asyncpg.QueryCanceledError):
            await connection.execute("SELECT pg_sleep(20)")
    await pool.close()


async def test_a_connection_that_the_server_ended_is_replaced_and_the_failure_keeps_its_name(database_url):
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


async def test_a_connection_that_died_silently_does_not_hang_the_next_export(database_url):
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
