"""The comment in a statement that says which trace it belongs to."""

import pytest

from tests.exporting import database, document, order

pytestmark = pytest.mark.anyio

COMMENT = f"/*traceparent='00-{'a' * 32}-{'b' * 16}-01'*/ "
OWN = "SELECT query AS q FROM pg_catalog.pg_stat_activity WHERE pid = pg_catalog.pg_backend_pid()"


@pytest.mark.parametrize("source", ["copy", "cursor"])
@pytest.mark.parametrize("extension", ["csv", "parquet"])
async def test_the_server_sees_the_comment_first(database_url: str, source: str, extension: str) -> None:
    sharing = database(database_url)
    ordered = order(OWN, extension, source)
    ordered.progress.comment = COMMENT
    try:
        exported = await document(sharing, ordered)
    finally:
        await sharing.pool.close()
    assert COMMENT.encode() in exported


@pytest.mark.parametrize("source", ["copy", "cursor"])
async def test_the_rows_are_those_without_it(database_url: str, source: str) -> None:
    sharing = database(database_url)
    plain, commented = (order("SELECT 1 AS a, 'x' AS b -- a comment", "csv", source) for _ in range(2))
    commented.progress.comment = COMMENT
    try:
        assert await document(sharing, plain) == await document(sharing, commented)
    finally:
        await sharing.pool.close()
    assert (plain.progress.rows, plain.progress.connections) == (1, 1)
    assert plain.progress.waited > 0
