"""Exports through PgBouncer, whose connections may be other connections of the server in each transaction."""

import asyncio
import os
import shutil
import socket
import subprocess
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from urllib.parse import parse_qs, urlsplit

import asyncpg
import pytest

from exporter.exports import scan
from exporter.exports.database import Database
from queries import walk
from queries.connection import Connection
from queries.lent_connection import LentConnection
from queries.lent_pool import LentPool
from queries.session import Session
from queries.source import BLOCK_BYTES
from tests.decoding import read
from tests.exporting import FORMATS, database, document, export, order
from tests.postgres import execute

pytestmark = pytest.mark.anyio

_CONFIGURATION = """
[databases]
{name} = {server} dbname={name} user={user}
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = {port}
unix_socket_dir =
auth_type = any
pool_mode = {mode}
default_pool_size = 5
"""

TABLE = """
DROP SCHEMA IF EXISTS bounced CASCADE;
CREATE SCHEMA bounced;
CREATE TYPE bounced.mood AS ENUM ('sad', 'happy');
CREATE TABLE bounced.rows AS
    SELECT i, repeat('ä,"', i % 40) AS text, now() AS at, 'happy'::bounced.mood AS mood FROM generate_series(1, 5000) i;
"""


def _free_port() -> Any:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@pytest.fixture(scope="module", params=["transaction", "session"])
def bounced_url(
    request: pytest.FixtureRequest, database_url: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Any]:
    """The DSN of a PgBouncer before the tests' server."""
    program = shutil.which("pgbouncer", path=f"{os.environ['PATH']}:/usr/sbin") or pytest.skip("needs pgbouncer")
    parts, port = urlsplit(database_url), _free_port()
    query = {name: values[0] for name, values in parse_qs(parts.query).items()}
    server = f"host={query.get('host', parts.hostname)} port={query.get('port', parts.port or 5432)}"
    password = f" password={parts.password}" if parts.password else ""
    configuration = tmp_path_factory.mktemp("pgbouncer") / "pgbouncer.ini"
    names = {"name": parts.path[1:], "server": server + password, "user": parts.username}
    configuration.write_text(_CONFIGURATION.format(**names, port=port, mode=request.param))
    as_user = ["-u", "nobody"] if os.geteuid() == 0 else []
    url = f"postgresql://{parts.username}@127.0.0.1:{port}{parts.path}"
    # By its standard input, since nobody may enter the folder.
    with (
        configuration.open("rb") as written,
        subprocess.Popen([program, "-q", *as_user, "/dev/stdin"], stdin=written) as process,
    ):
        try:
            asyncio.run(_answers(url, process))
            asyncio.run(execute(database_url, TABLE))
            yield url
        finally:
            process.terminate()


async def _answers(url: str, process: Any) -> Any:
    async with asyncio.timeout(20):
        while process.poll() is None:
            try:
                return await (await asyncpg.connect(url, statement_cache_size=0)).close()
            except (OSError, asyncpg.PostgresError):
                await asyncio.sleep(0.1)
    raise AssertionError("PgBouncer has ended")


@pytest.mark.parametrize("source", ["copy", "cursor"])
@pytest.mark.parametrize("extension", FORMATS)
async def test_every_format(bounced_url: str, database_url: str, extension: str, source: str) -> None:
    wanted = order("SELECT * FROM bounced.rows ORDER BY i", extension, source)
    bodies = []
    for url in (bounced_url, database_url):
        exporting = database(url, size=3)
        bodies.append([read(extension, await document(exporting, wanted)) for _ in range(2)])
        assert exporting.pool.spare == 3
        await exporting.pool.close()
    assert bodies[0] == bodies[1]


async def test_a_table_that_several_connections_read(bounced_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scan, "_BYTES_EACH", 1)
    monkeypatch.setattr(walk, "BLOCK_BYTES", BLOCK_BYTES // 50)
    exporting = database(bounced_url, size=3)
    wanted = order("SELECT * FROM bounced.rows", "csv", table='"bounced"."rows"')
    lines = (await document(exporting, wanted)).splitlines()
    assert [int(line.split(b",")[0]) for line in lines[1:]] == list(range(1, 5001))
    await exporting.pool.close()


async def test_an_export_that_is_given_up_leaves_nothing(bounced_url: str, connection: Connection) -> None:
    exporting = database(bounced_url, size=1)
    endless = order("SELECT repeat('x', 9000) FROM generate_series(1, 1000000) AS bounced", "csv")
    for _ in range(3):
        with ThreadPoolExecutor(1) as threads:
            chunks = export(endless, exporting, threads)
            assert await anext(chunks)
            await chunks.aclose()
    assert (await document(exporting, order("SELECT 1 AS a", "csv"))) == b"a\n1\n"
    await exporting.pool.close()
    running = "SELECT count(*) FROM pg_stat_activity WHERE query ~ '1000000. AS bounced' AND state = 'active'"
    assert await connection.fetchval(f"{running} AND pid <> pg_backend_pid()") == 0


async def test_what_is_held_behind_it_is_not_taken_for_a_host_s_own(bounced_url: str, database_url: str) -> None:
    """The next transaction may have another session, whose statements and locks are somebody else's."""
    found = []
    for url in (bounced_url, database_url):
        async with (
            asyncpg.create_pool(url, min_size=0, max_size=1, statement_cache_size=0) as pool,
            pool.acquire() as connection,
        ):
            await connection.execute("PREPARE of_somebody AS SELECT 1")
            found.append(await LentConnection(connection)._held())
            await connection.execute("DEALLOCATE ALL")
    assert found == [set(), {"DEALLOCATE of_somebody"}]


async def test_every_format_over_a_host_s_pool(bounced_url: str, database_url: str) -> None:
    async with asyncpg.create_pool(bounced_url, min_size=0, max_size=2, statement_cache_size=0) as pool:
        exporting = Database(LentPool(pool, acquire_timeout=5, session=Session(60, 10)))
        own = database(database_url)
        for extension in FORMATS:
            wanted = order("SELECT * FROM bounced.rows ORDER BY i", extension)
            bodies = [read(extension, await document(one, wanted)) for one in (exporting, own)]
            assert bodies[0] == bodies[1]
        await own.pool.close()
