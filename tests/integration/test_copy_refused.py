"""A server or pooler that prepares queries but takes no COPY is read with the cursor, by itself."""

import pytest

from queries.declaration import Parameter
from queries.errors import QueryRejected
from tests.exporting import database, document, order
from tests.postgres import execute
from tests.proxy import Proxy, message

pytestmark = pytest.mark.anyio


class RefusingProxy(Proxy):
    """Refuses every COPY, as some poolers do."""

    refused = 0

    def answered(self, kind: bytes, body: bytes) -> bytes | None:
        if kind != b"Q" or not body.startswith(b"COPY"):
            return None
        self.refused += 1
        refusal = b"SERROR\0VERROR\0C0A000\0MCOPY is not supported here\0\0"
        return message(b"E", refusal) + message(b"Z", b"E")


async def test_the_cursor_takes_over_where_copy_is_refused_and_copy_is_not_tried_again(database_url: str) -> None:
    async with RefusingProxy(database_url) as proxy:
        exporting = database(proxy.dsn)
        expected = b"a\n1\n2\n"
        assert await document(exporting, order("SELECT a FROM generate_series(1, 2) a", "csv")) == expected
        assert await document(exporting, order("SELECT a FROM generate_series(1, 2) a", "csv")) == expected
        assert proxy.refused == 2, "the first export, and the question whether it was about that export only"
        await exporting.pool.close()


@pytest.mark.parametrize("sqlstate", ["0A000", "42601"])
async def test_a_query_that_fails_by_itself_is_not_taken_for_a_server_without_copy(
    database_url: str, sqlstate: str
) -> None:
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
async def test_a_refusal_in_mid_stream_is_a_failure_and_never_a_second_start(
    database_url: str, sqlstate: str, extension: str
) -> None:
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


async def test_one_query_that_only_copy_fails_is_read_with_the_cursor_once(database_url: str) -> None:
    await execute(
        database_url,
        """CREATE OR REPLACE FUNCTION not_copied() RETURNS int LANGUAGE plpgsql AS $$BEGIN
        IF current_query() LIKE 'COPY%' THEN RAISE EXCEPTION 'no' USING ERRCODE = '0A000'; END IF; RETURN 1; END$$""",
    )
    exporting = database(database_url)
    assert await document(exporting, order("SELECT not_copied() AS a", "csv")) == b"a\n1\n"
    assert exporting.copies
    await exporting.pool.close()


async def test_a_refusal_that_quotes_a_sensitive_argument_is_not_repeated_in_the_log(
    database_url: str, caplog: pytest.LogCaptureFixture
) -> None:
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
