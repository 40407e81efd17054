"""The comment in a statement that says which trace it belongs to."""

import pytest

from exporter.exports.observers import Began, Observation
from tests.exporting import database, document, order

pytestmark = pytest.mark.anyio

TRACEPARENT = f"00-{'a' * 32}-{'b' * 16}-01"
COMMENT = f"/*traceparent='{TRACEPARENT}'*/ "
OWN = "SELECT query AS q FROM pg_catalog.pg_stat_activity WHERE pid = pg_catalog.pg_backend_pid()"


def traced(began: Began) -> Observation:
    observation = Observation()
    observation.traceparent = TRACEPARENT
    return observation


@pytest.mark.parametrize("source", ["copy", "cursor"])
@pytest.mark.parametrize("extension", ["csv", "parquet"])
async def test_the_server_sees_the_comment_first(database_url: str, source: str, extension: str) -> None:
    sharing = database(database_url)
    try:
        exported = await document(sharing, order(OWN, extension, source), [traced])
    finally:
        await sharing.pool.close()
    assert COMMENT.encode() in exported


@pytest.mark.parametrize("source", ["copy", "cursor"])
async def test_the_rows_are_those_without_it(database_url: str, source: str) -> None:
    sharing = database(database_url)
    ordered = order("SELECT 1 AS a, 'x' AS b -- a comment", "csv", source)
    try:
        assert await document(sharing, ordered) == await document(sharing, ordered, [traced])
    finally:
        await sharing.pool.close()
