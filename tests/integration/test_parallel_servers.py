"""Connections of several servers never read one table together, even where a snapshot's name exists on both."""

from typing import Any, cast

import asyncpg
import pytest

from queries.connection import Connection
from queries.embedded import embedded
from queries.followers import Followers
from queries.pool import Pool
from queries.session import Session

pytestmark = pytest.mark.anyio


def _pool(dsn: str) -> Pool:
    return Pool(dsn, size=4, acquire_timeout=20, session=Session(60, 10))


async def _transaction_id(connection: Connection) -> Any:
    """The virtual transaction: backend and counter, of which a snapshot's name is made."""
    name = "SELECT virtualtransaction FROM pg_locks WHERE pid = pg_backend_pid() AND locktype = 'virtualxid'"
    backend, counter = (await connection.fetchval(name)).split("/")
    return int(backend), int(counter)


async def _same_transaction_id(dsn: str, backend: int, counter: int) -> Connection:
    """Begin a transaction of this backend and counter; None where the server is beyond it."""
    opened = []
    while True:
        connection = cast("Connection", await asyncpg.connect(dsn))
        opened.append(connection)
        await connection.execute("BEGIN ISOLATION LEVEL REPEATABLE READ")
        found = await _transaction_id(connection)
        if found[0] == backend:
            break
        assert len(opened) < 50
    for other in opened[:-1]:
        await other.close()
    while found[1] < counter:
        await connection.execute("ROLLBACK; BEGIN ISOLATION LEVEL REPEATABLE READ")
        found = await _transaction_id(connection)
    assert found == (backend, counter)
    return connection


def _joining(pool: Pool, leader: Connection) -> Any:
    def begin(snapshot: Any) -> Any:
        return pool.transaction("follower", snapshot=snapshot)

    return Followers(pool, 3).joining(leader, 3, "SELECT i FROM numbers", begin)


async def test_a_snapshot_of_the_same_name_on_another_server() -> None:
    with embedded() as one, embedded() as other:
        for dsn, rows in ((one, 1), (other, 2)):
            made = await asyncpg.connect(dsn)
            await made.execute(f"CREATE TABLE numbers AS SELECT generate_series(1, {rows}) AS i")
            await made.close()
        here, there = _pool(one), _pool(other)
        for _ in range(30):  # this server's counter is ahead of the other's
            async with here.transaction("earlier"):
                pass
        async with here.transaction("leader") as leader:
            twin = await _same_transaction_id(other, *await _transaction_id(leader))
            name = await twin.fetchval("SELECT pg_export_snapshot()")
            async with there.transaction("the name exists", snapshot=name) as connection:
                assert await connection.fetchval("SELECT count(*) FROM numbers") == 2
            async with _joining(there, leader) as joined:
                assert joined == []
            async with _joining(here, leader) as joined:
                assert len(joined) == 3
            await twin.close()
        await here.close()
        await there.close()
