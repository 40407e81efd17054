"""A connection that the server ends between two statements is a database that is away, not a defect of the service."""

import asyncio
from asyncio.streams import StreamReader, StreamWriter

import pytest

from queries.errors import DatabaseUnavailable
from queries.pool import Pool
from queries.session import Session
from tests.proxy import Proxy, message

pytestmark = pytest.mark.anyio

_ENDED = b"SFATAL\0VFATAL\0C57P01\0Mterminating connection due to administrator command\0\0"


class EndingProxy(Proxy):
    async def _serve(self, reader: StreamReader, writer: StreamWriter) -> None:
        self.client = writer
        await super()._serve(reader, writer)

    async def end(self) -> None:
        """Say what a server says last, and do not close yet: the driver then has an answer that it never asked for."""
        self.client.write(message(b"E", _ENDED))
        await asyncio.sleep(0.1)


async def test_a_connection_that_ended_in_the_pool(database_url: str) -> None:
    async with EndingProxy(database_url) as proxy:
        pool = Pool(proxy.dsn, size=1, acquire_timeout=5, session=Session(60, 10))
        async with pool.transaction("first"):
            pass
        await proxy.end()
        with pytest.raises(DatabaseUnavailable):
            async with pool.transaction("second"):
                pass
        async with pool.transaction("third") as connection:
            assert await connection.fetchval("SELECT 1") == 1
        await pool.close()


async def test_no_host_of_the_kind_that_is_wanted(database_url: str) -> None:
    separator = "&" if "?" in database_url else "?"
    pool = Pool(
        f"{database_url}{separator}target_session_attrs=standby", size=1, acquire_timeout=5, session=Session(60, 10)
    )
    with pytest.raises(DatabaseUnavailable):
        async with pool.transaction("first"):
            pass
    await pool.close()
