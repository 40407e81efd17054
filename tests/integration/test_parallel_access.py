"""Reading the parts of a table by themselves gives nobody more, or less, than reading the table does."""

from collections.abc import AsyncIterator
from typing import Any

import asyncpg
import pytest

from queries.connection import Connection
from tests.exporting import database, document, of_table

pytestmark = [pytest.mark.anyio, pytest.mark.usefixtures("small")]

SCHEMA = """
DROP ROLE IF EXISTS parts_reader;
CREATE ROLE parts_reader;
CREATE SCHEMA IF NOT EXISTS parts;
SET search_path = parts;
CREATE TABLE closed (id integer) PARTITION BY RANGE (id);
CREATE TABLE closed_1 PARTITION OF closed FOR VALUES FROM (0) TO (50000);
CREATE TABLE closed_2 PARTITION OF closed DEFAULT;
CREATE TABLE opened (LIKE closed) PARTITION BY RANGE (id);
CREATE TABLE opened_1 PARTITION OF opened FOR VALUES FROM (0) TO (50000);
CREATE TABLE opened_2 PARTITION OF opened DEFAULT;
CREATE TABLE outer_policy (LIKE closed) PARTITION BY RANGE (id);
CREATE TABLE outer_policy_1 PARTITION OF outer_policy DEFAULT;
CREATE TABLE inner_policy (LIKE closed) PARTITION BY RANGE (id);
CREATE TABLE inner_policy_1 PARTITION OF inner_policy DEFAULT;
CREATE TABLE policy (LIKE closed);
ALTER TABLE policy ENABLE ROW LEVEL SECURITY;
ALTER TABLE outer_policy ENABLE ROW LEVEL SECURITY;
ALTER TABLE inner_policy_1 ENABLE ROW LEVEL SECURITY;
CREATE POLICY even ON policy USING (id % 2 = 0);
CREATE POLICY even ON outer_policy USING (id % 2 = 0);
CREATE POLICY even ON inner_policy_1 USING (id % 2 = 0);
CREATE TABLE by_columns (LIKE closed);
INSERT INTO by_columns SELECT generate_series(1, 60000);
GRANT SELECT (id) ON by_columns TO parts_reader;
INSERT INTO closed SELECT generate_series(1, 60000);
INSERT INTO opened TABLE closed;
INSERT INTO outer_policy TABLE closed;
INSERT INTO inner_policy TABLE closed;
INSERT INTO policy TABLE closed;
GRANT USAGE ON SCHEMA parts TO parts_reader;
GRANT SELECT ON closed, opened, opened_1, opened_2, outer_policy, outer_policy_1, inner_policy, inner_policy_1, policy
    TO parts_reader;
"""


VIRTUAL = """
SET search_path = parts;
CREATE TABLE virtual (id integer, made integer GENERATED ALWAYS AS (id * 2) VIRTUAL) PARTITION BY RANGE (id);
CREATE TABLE virtual_1 (id integer, made integer GENERATED ALWAYS AS (id * 3) VIRTUAL);
ALTER TABLE virtual ATTACH PARTITION virtual_1 DEFAULT;
INSERT INTO virtual SELECT generate_series(1, 60000);
"""


@pytest.fixture(scope="module")
async def reader(database_url: str) -> AsyncIterator[Any]:
    """The DSN of a role that is no superuser."""
    connection = await asyncpg.connect(database_url)
    await connection.execute(SCHEMA)
    yield f"{database_url}{'&' if '?' in database_url else '?'}options=-c%20role%3Dparts_reader"
    await connection.execute("DROP OWNED BY parts_reader; DROP ROLE parts_reader")
    await connection.close()


@pytest.mark.usefixtures("small")
@pytest.mark.parametrize(
    ("table", "rows", "divided"),
    [
        ("closed", 60_000, False),
        ("opened", 60_000, True),
        ("outer_policy", 30_000, False),
        ("inner_policy", 60_000, False),
        ("policy", 30_000, False),
        ("by_columns", 60_000, False),
    ],
)
async def test_partitions_are_read_by_themselves_only_where_that_is_the_same(
    reader: Any, parts: list[str], table: str, rows: Any, divided: Any
) -> None:
    exporting = database(reader, size=3)
    body = await document(exporting, of_table(table))
    await exporting.pool.close()
    assert body.count(b"\n") == rows + 1
    assert bool(parts) == divided


@pytest.mark.usefixtures("small", "reader")
async def test_virtual_columns_are_those_of_the_table(
    database_url: str, connection: Connection, parts: list[str]
) -> None:
    """A partition may make them otherwise, and then does so only where it is asked for by its own name."""
    if connection.get_server_version().major < 18:
        pytest.skip("needs PostgreSQL 18")
    await connection.execute(VIRTUAL)
    exporting = database(database_url, size=3)
    body = await document(exporting, of_table("virtual"))
    await exporting.pool.close()
    assert not parts
    assert body.splitlines()[10] == b"10,20"
