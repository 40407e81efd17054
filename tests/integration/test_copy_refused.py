"""A server or pooler that prepares queries but takes no COPY is read with the cursor, by itself."""

import asyncio
from urllib.parse import parse_qs, urlsplit

import pytest

from queries.declaration import Parameter
from queries.errors import QueryRejected
from tests.exporting import database, document, order
from tests.postgres import execute

pytestmark = pytest.mark.anyio

_REFUSAL = b"SERROR\0VERROR\0C0A000\0MCOPY is not supported here\0\0"


class Proxy:
    """Passes the PostgreSQL protocol through, but refuses every COPY, as some poolers do; frozen, it swallows all.

    `waits` counts the messages after which a client can only wait: Query, Sync, Flush.
    """

    def __init__(self, dsn):
        parts = urlsplit(dsn)
        query = {name: values[0] for name, values in parse_qs(parts.query).items()}
        self._host = query.get("host", parts.hostname or "localhost")
        self._port = int(query.get("port", parts.port or 5432))
        self._name = parts.path
        self._user = parts.netloc.rpartition("@")[0]
        self.refused = 0
        self.waits = 0
        self.frozen = False

    async def __aenter__(self):
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        port = self._server.sockets[0].getsockname()[1]
        self.dsn = f"postgresql://{self._user}@127.0.0.1:{port}{self._name}?sslmode=disable"
        return self

    async def __aexit__(self, *exception):
        self._server.close()

    async def _serve(self, reader, writer):
        if self._host.startswith("/"):
            upstream = await asyncio.open_unix_connection(f"{self._host}/.s.PGSQL.{self._port}")
        else:
            upstream = await asyncio.open_connection(self._host, self._port)
        try:
            await asyncio.gather(self._requests(reader, upstream[1], writer), self._answers(upstream[0], writer))
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            upstream[1].close()
            writer.close()

    async def _requests(self, reader, server, client):
        length = await reader.readexactly(4)
        server.write(length + await reader.readexactly(int.from_bytes(length) - 4))
        while True:
            head = await reader.readexactly(5)
            body = await reader.readexactly(int.from_bytes(head[1:]) - 4)
            if self.frozen:
                continue
            self.waits += head[:1] in b"QSH"
            if head[:1] == b"Q" and body.startswith(b"COPY"):
                self.refused += 1
                client.write(b"E" + (len(_REFUSAL) + 4).to_bytes(4) + _REFUSAL + b"Z\0\0\0\5E")
            else:
                server.write(head + body)

    async def _answers(self, server, client):
        while chunk := await server.read(65536):
            client.write(chunk)
        client.close()


async def test_the_cursor_takes_over_where_copy_is_refused_and_copy_is_not_tried_again(database_url):
    async with Proxy(database_url) as proxy:
        exporting = database(proxy.dsn)
        expected = b"a\n1\n2\n"
        assert await document(exporting, order("SELECT a FROM generate_series(1, 2) a", "csv")) == expected
        assert await document(exporting, order("SELECT a FROM generate_series(1, 2) a", "csv")) == expected
        assert proxy.refused == 2, "the first export, and the question whether it was about that export only"
        await exporting.pool.close()


@pytest.mark.parametrize("sqlstate", ["0A000", "42601"])
async def test_a_query_that_fails_by_itself_is_not_taken_for_a_server_without_copy(database_url, sqlstate):
    await execute(
        database_url,
        f"CREATE OR REPLACE FUNCTION fails() RETURNS int LANGUAGE plpgsql AS "
        f"$$BEGIN RAISE EXCEPTION 'no' USING ERRCODE = '{sqlstate}'; END$$",
    )
    exporting = database(database_url)
    with pytest.raises(QueryRejected) as refusal:
        await document(exporting, order("SELECT fails()", "csv"))
    assert refusal.value.sqlstate == sqlstate
    assert exporting.copies
    await exporting.pool.close()


@pytest.mark.parametrize("extension", ["csv", "ndjson"])
@pytest.mark.parametrize("sqlstate", ["0A000", "42601"])
async def test_a_refusal_in_mid_stream_is_a_failure_and_never_a_second_start(database_url, sqlstate, extension):
    await execute(
        database_url,
        f"""CREATE OR REPLACE FUNCTION late(i int) RETURNS int LANGUAGE plpgsql AS $$BEGIN
        IF i = 150000 AND current_query() LIKE 'COPY%' THEN RAISE EXCEPTION 'no' USING ERRCODE = '{sqlstate}'; END IF;
        RETURN i; END$$""",
    )
    exporting = database(database_url)
    with pytest.raises(QueryRejected):
        await document(exporting, order("SELECT late(i) AS i FROM generate_series(1, 300000) i", extension))
    assert exporting.copies
    await exporting.pool.close()


async def test_one_query_that_only_copy_fails_is_read_with_the_cursor_once(database_url):
    await execute(
        database_url,
        """CREATE OR REPLACE FUNCTION not_copied() RETURNS int LANGUAGE plpgsql AS $$BEGIN
        IF current_query() LIKE 'COPY%' THEN RAISE EXCEPTION 'no' USING ERRCODE = '0A000'; END IF; RETURN 1; END$$""",
    )
    exporting = database(database_url)
    assert await document(exporting, order("SELECT not_copied() AS a", "csv")) == b"a\n1\n"
    assert exporting.copies
    await exporting.pool.close()


async def test_a_refusal_that_quotes_a_sensitive_argument_is_not_repeated_in_the_log(database_url, caplog):
    """PostgreSQL calls what is no query of text search a syntax error, as it calls a COPY that it does not know."""
    exporting = database(database_url)
    secret = Parameter(name="word", type="text", sensitive=True)
    sql = "SELECT to_tsquery('simple', :word)::text AS a"
    try:
        with pytest.raises(QueryRejected):
            await document(exporting, order(sql, "csv", parameters=(secret,), arguments={"word": "top secret"}))
    finally:
        await exporting.pool.close()
    assert "COPY was refused" in caplog.text
    assert "secret" not in caplog.text
