"""Whoever may create in a schema of the search path cannot have the service's statements run anything of theirs."""

import ast
import asyncio
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

import exporter
import queries
from exporter.access.principal import Principal
from exporter.commands.findings import Findings
from exporter.exports import scan
from exporter.exports.database import Database
from queries import walk
from queries.pool import Pool
from queries.session import Session
from tests.exporting import document, order
from tests.integration.everything import SCHEMA, TABLES, everything
from tests.server_log import logged_server, statements
from tests.unqualified import unqualified

pytestmark = pytest.mark.anyio

SHADOWS = Path(__file__).with_name("shadows.sql").read_text()

ROLES = f"""
CREATE ROLE mallory;
CREATE ROLE north;
CREATE ROLE south;
CREATE ROLE service LOGIN;
GRANT north, south TO service;
ALTER ROLE service SET search_path = traps, pg_catalog;
{SCHEMA}
CREATE SCHEMA traps AUTHORIZATION mallory;
CREATE SCHEMA theft AUTHORIZATION mallory;
GRANT USAGE ON SCHEMA traps, theft TO PUBLIC;
"""

SALES = """
CREATE TABLE shop.sales (id int, at timestamptz, region text, secret text);
INSERT INTO shop.sales
SELECT n, timestamptz '2024-01-01Z' + n * interval '1 s', (ARRAY['north', 'south'])[1 + n % 2], 'secret ' || n
FROM generate_series(1, 2000) n;
ANALYZE shop.sales;
ALTER TABLE shop.sales ENABLE ROW LEVEL SECURITY;
CREATE POLICY region ON shop.sales USING (current_user = region);
GRANT SELECT ON shop.sales TO north, south, mallory;
"""

THEFT = """
CREATE FUNCTION theft.product(numeric, integer) RETURNS numeric LANGUAGE plpgsql AS
$$ BEGIN
    RAISE LOG 'stolen from %: %', current_user, (SELECT min(secret) FROM shop.sales);
    RETURN $1 OPERATOR(pg_catalog.*) $2::numeric;
END $$;
CREATE OPERATOR theft.* (FUNCTION = theft.product, LEFTARG = numeric, RIGHTARG = integer);
CREATE FUNCTION theft.same(oid, regtype) RETURNS boolean LANGUAGE plpgsql AS
$$ BEGIN
    RAISE LOG 'stolen from %: %', current_user, (SELECT min(secret) FROM shop.sales);
    RETURN $1 OPERATOR(pg_catalog.=) $2::oid;
END $$;
CREATE OPERATOR theft.= (FUNCTION = theft.same, LEFTARG = oid, RIGHTARG = regtype);
"""

DEMO = Path(queries.__file__).with_name("demo")
"""It fills a server of its own."""

SENDING = {"fetch", "fetchrow", "fetchval", "execute", "prepare", "copy_from_query"}
"""The driver's calls that send a statement."""


@pytest.fixture(scope="module")
def server() -> Iterator[Any]:
    with logged_server() as started:
        asyncio.run(started.execute(ROLES))
        asyncio.run(started.execute(f"SET ROLE mallory; {SHADOWS} {THEFT}"))
        asyncio.run(started.execute(TABLES + SALES))
        yield started


@pytest.fixture
def dsn(server: Any) -> Any:
    """The DSN of the service's own login, which is no superuser."""
    return urlsplit(server.dsn)._replace(netloc="service@").geturl()


@pytest.fixture(autouse=True)
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """Small tables are read in many small parts."""
    monkeypatch.setattr(scan, "_BYTES_EACH", 1)
    monkeypatch.setattr(walk, "BLOCK_BYTES", 30_000)


@pytest.mark.parametrize("search_path", [("traps",), ("traps", "pg_catalog")])
async def test_nothing_of_the_search_path_stands_in_for_the_server_s_own(
    server: Any, dsn: str, tmp_path: Path, search_path: Any
) -> None:
    """An explicit pg_catalog behind the schema lets even exact matches be shadowed."""
    expected = await everything(dsn, "north", ("pg_catalog",), tmp_path)
    await server.read()
    found = await everything(dsn, "north", search_path, tmp_path)
    called = {entry["message"] for entry in await server.read() if "shadow: " in entry["message"]}
    assert called == set()
    assert found == expected
    assert [name for name, came in found.items() if isinstance(came, str)] == ["refused argument", "changed setting"]
    assert found["check"] == Findings()


async def test_the_traps_are_open(server: Any) -> None:
    """Each is called by a statement that leaves its name to the search path; else the test above would show nothing."""
    for expression in (
        "1::pg_catalog.numeric * 1",
        "1 + 1",
        "ctid >= '(0,0)' FROM shop.keyed",
        "upper('a'::pg_catalog.text)",
        "format('%s', 'a'::pg_catalog.text)",
        "1::int8",
        "oid FROM pg_class",
        "1 FROM shop.types WHERE foreign_mood = 'sad'::pg_catalog.text",
    ):
        with pytest.raises(Exception, match="shadow"):
            await server.execute(f"SET search_path = traps, pg_catalog; SELECT {expression}")


async def test_another_caller_s_rows_are_not_seen_by_an_operator(server: Any, dsn: str) -> None:
    pool = Pool(dsn, size=3, acquire_timeout=5, session=Session(60, 10, ("theft",)))
    shared = Database(pool, parallel=3, parallel_connections=2)
    principal = Principal("ann", ("*",), "north")
    rows = "id, at, region, (1, secret) AS pair, ARRAY[region]::pg_catalog.name[] AS names"
    keyed = order(f"SELECT {rows} FROM shop.sales", "ndjson", split_by="at", acting=principal.acting)
    trusting = order("SELECT 2::numeric * id AS n FROM shop.sales", "csv", acting=principal.acting)
    await server.read()
    try:
        assert (await document(shared, keyed)).count(b"\n") == 1000
        assert [entry["message"] for entry in await server.read() if "stolen" in entry["message"]] == []
        # What the dataset's own SQL leaves to the search path is its author's.
        await document(shared, trusting)
        assert [entry for entry in await server.read() if "stolen from north" in entry["message"]]
    finally:
        await pool.close()


async def test_every_statement_names_the_schema_of_all_that_it_uses(server: Any, dsn: str, tmp_path: Path) -> None:
    await server.read()
    with lines_run() as ran:
        await everything(dsn, "north", ("pg_catalog",), tmp_path)
    sent = set(statements(await server.read()))
    assert len(sent) > 50
    assert {sql: found for sql in sent if (found := unqualified(sql))} == {}
    assert {place for place in sending() if not ran & set(place)} == set(), "statements that were not seen here"


@contextmanager
def lines_run() -> Iterator[set[tuple[str, int]]]:
    """Give the lines of the service that run until the block ends, as (file, line)."""
    ran = set()
    folders = tuple(str(Path(str(package.__file__)).parent) for package in (exporter, queries))

    def line(frame: Any, event: Any, argument: Any) -> Any:
        ran.add((frame.f_code.co_filename, frame.f_lineno))
        return line

    def calls(frame: Any, event: Any, argument: Any) -> Any:
        return line if frame.f_code.co_filename.startswith(folders) else None

    before = sys.gettrace()
    sys.settrace(calls)
    threading.settrace(calls)
    try:
        yield ran
    finally:
        sys.settrace(before)
        threading.settrace(before)


def sending() -> Iterator[tuple[tuple[str, int], ...]]:
    """Yield the lines of each call in the service that sends a statement."""
    for package in (exporter, queries):
        for path in set(Path(str(package.__file__)).parent.rglob("*.py")) - {DEMO / "__init__.py"}:
            for node in ast.walk(ast.parse(path.read_text())):
                if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in SENDING:
                    yield tuple((str(path), number) for number in range(node.lineno, (node.end_lineno or 0) + 1))
