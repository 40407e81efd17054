"""What a caller may see is the database's to say: an export runs as the caller's role, and leaves nothing of it."""

import asyncio
import secrets
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

import orjson
import pytest

from exporter.access.principal import Principal
from exporter.exports.order import Order
from queries.acting import Acting
from queries.connection import Connection
from queries.errors import LockTimeout, PermissionDenied, RoleRefused
from queries.pool import Pool
from queries.session import Session
from tests.exporting import database, document, order
from tests.postgres import execute

pytestmark = pytest.mark.anyio

ROLE = f"exporter_{secrets.token_hex(4)}"
"""Roles belong to the whole server, which other runs may share."""

SCHEMA = f"""
CREATE ROLE {ROLE}_north; CREATE ROLE {ROLE}_south; CREATE ROLE "{ROLE} odd""role"; CREATE ROLE {ROLE}_bare;
CREATE ROLE {ROLE}_login LOGIN;
GRANT {ROLE}_north, {ROLE}_south TO {ROLE}_login;
CREATE SCHEMA acting;
GRANT USAGE ON SCHEMA acting TO {ROLE}_north, {ROLE}_south, {ROLE}_bare, "{ROLE} odd""role";
CREATE TABLE acting.sales (id int PRIMARY KEY, region text, owner text);
INSERT INTO acting.sales
SELECT i, (ARRAY['north', 'south'])[1 + i % 2], (ARRAY['ann', 'bob'])[1 + i / 2 % 2]
FROM generate_series(1, 120000) i;
GRANT SELECT ON acting.sales TO {ROLE}_north, {ROLE}_south, "{ROLE} odd""role";
ALTER TABLE acting.sales ENABLE ROW LEVEL SECURITY;
CREATE POLICY region ON acting.sales USING (current_user = '{ROLE}_' || region);
CREATE VIEW acting.own WITH (security_barrier) AS SELECT id FROM acting.sales
WHERE owner = current_setting('request.jwt.claims', true)::json ->> 'sub';
GRANT SELECT ON acting.own TO {ROLE}_north;
"""


@pytest.fixture(scope="module")
def acting_url(database_url: str) -> Iterator[str]:
    asyncio.run(execute(database_url, SCHEMA))
    yield database_url
    asyncio.run(
        execute(
            database_url,
            f"""DROP SCHEMA acting CASCADE; DROP ROLE {ROLE}_north, {ROLE}_south, {ROLE}_login, {ROLE}_bare,
            "{ROLE} odd""role";""",
        )
    )


def _as(role: str | None, name: str = "ann", **how: Any) -> Order:
    return order(
        "SELECT region, count(*) AS n, min(current_user) AS who FROM acting.sales GROUP BY region",
        "csv",
        acting=Principal(name, ("*",), role).acting,
        **how,
    )


async def test_two_roles_over_one_pool_at_once_see_their_own_rows(acting_url: str) -> None:
    shared = database(acting_url, size=2)
    try:
        roles = [f"{ROLE}_north", f"{ROLE}_south"] * 20
        bodies = await asyncio.gather(*(document(shared, _as(role)) for role in roles))
    finally:
        await shared.pool.close()
    assert bodies == [f"region,n,who\n{role.rpartition('_')[2]},60000,{role}\n".encode() for role in roles]


@pytest.mark.parametrize("source", ["copy", "cursor"])
@pytest.mark.parametrize("name", ["ann", 'o\'neill \\ "q" $1 :x \N{SNOWMAN}', "'; RESET ROLE; --"])
async def test_claims_reach_the_database_as_they_are(acting_url: str, source: str, name: str) -> None:
    shared = database(acting_url, size=1)
    claims = "current_setting('request.jwt.claims')::json"
    sql = f"SELECT {claims} ->> 'sub' AS who, {claims} -> 'teams' ->> 1 AS team"
    principal = Principal(name, ("*",), None, {"teams": ["a", "b"], "sub": "somebody else"})
    try:
        body = await document(shared, order(sql, "ndjson", source, acting=principal.acting))
    finally:
        await shared.pool.close()
    assert orjson.loads(body) == {"who": name, "team": "b"}


async def test_policies_see_the_claims(acting_url: str) -> None:
    shared = database(acting_url)
    acting = Principal("ann", ("*",), f"{ROLE}_north").acting
    try:
        assert (await document(shared, order("SELECT count(*) AS n FROM acting.own", "csv", acting=acting))) == (
            b"n\n60000\n"
        )
    finally:
        await shared.pool.close()


async def test_every_connection_of_a_parallel_scan_acts_as_the_caller(
    acting_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("exporter.exports.scan._BYTES_EACH", 2**10)
    # The planner expects few rows behind a policy.
    monkeypatch.setattr("queries.walk.BLOCK_BYTES", 5_000)
    shared = database(acting_url, size=3)
    joined = []
    taken = shared.pool.transaction

    def transaction(*arguments: Any, **how: Any) -> Any:
        joined.append(how)
        return taken(*arguments, **how)

    monkeypatch.setattr(shared.pool, "transaction", transaction)
    acting = Principal("ann", ("*",), f"{ROLE}_south").acting
    ordered = order("SELECT *, current_user AS who FROM acting.sales", "csv", split_by="id", acting=acting)
    try:
        body = await document(shared, ordered)
    finally:
        await shared.pool.close()
    assert len(joined) == 3
    rows = [line.split(b",") for line in body.splitlines()[1:]]
    assert len(rows) == 60_000
    assert {(region, who) for _, region, _, who in rows} == {(b"south", f"{ROLE}_south".encode())}


async def test_nothing_of_the_caller_is_left_on_the_connection(acting_url: str) -> None:
    pool = Pool(acting_url, size=1, acquire_timeout=5, session=Session(60, 10))
    acting = Principal("ann", ("*",), f"{ROLE}_north").acting
    state = "SELECT current_user = session_user, coalesce(current_setting('request.jwt.claims', true), '')"
    try:
        async with pool.transaction("theirs", acting=acting) as connection:
            backend = await connection.fetchval("SELECT pg_backend_pid()")
            assert await connection.fetchval("SELECT current_user") == f"{ROLE}_north"
            # Not even what a query does to the session itself stays.
            await connection.execute("SELECT set_config('request.jwt.claims', 'kept', false)")
        async with pool.transaction("nobody's") as connection:
            assert await connection.fetchval("SELECT pg_backend_pid()") == backend
            assert [tuple(row) for row in await connection.fetch(state)] == [(True, "")]
    finally:
        await pool.close()


async def test_a_grant_that_the_role_lacks_is_refused_whatever_the_service_may(acting_url: str) -> None:
    shared = database(acting_url)
    try:
        with pytest.raises(PermissionDenied):
            await document(shared, _as(f"{ROLE}_bare"))
    finally:
        await shared.pool.close()


@pytest.mark.parametrize("role", [f"{ROLE}_absent", f'{ROLE} odd"role'], ids=["absent", "not granted"])
async def test_a_role_that_cannot_be_taken_on_is_told_by_name(acting_url: str, role: str) -> None:
    """The one does not exist, of the other the service's login is no member."""
    login = urlsplit(acting_url)._replace(netloc=f"{ROLE}_login@").geturl()
    shared = database(login)
    try:
        with pytest.raises(RoleRefused, match=ROLE):
            await document(shared, _as(role))
        assert await document(shared, _as(f"{ROLE}_north"))
    finally:
        await shared.pool.close()


async def test_an_odd_name_of_a_role_is_quoted(acting_url: str) -> None:
    shared = database(acting_url)
    principal = Principal("ann", ("*",), f'{ROLE} odd"role')
    try:
        body = await document(shared, order("SELECT current_user AS a", "ndjson", acting=principal.acting))
    finally:
        await shared.pool.close()
    assert orjson.loads(body) == {"a": f'{ROLE} odd"role'}


@pytest.mark.parametrize("role", ["none", "", "a\0b", "x" * 64, "\N{SNOWMAN}" * 22, "\ud800"])
def test_what_the_server_would_take_for_another_role_is_no_role(role: str) -> None:
    with pytest.raises(ValueError, match="role"):
        Acting(role)


async def test_names_are_looked_up_where_the_service_says(acting_url: str) -> None:
    pool = Pool(acting_url, size=1, acquire_timeout=5, session=Session(60, 10, ("acting", "Odd, schema")))
    try:
        async with pool.transaction("named") as connection:
            assert await connection.fetchval("SHOW search_path") == 'acting, "Odd, schema", pg_temp'
            assert await connection.fetchval("SELECT 'sales'::regclass::text") == "sales"
    finally:
        await pool.close()


async def test_a_lock_is_waited_for_only_so_long(acting_url: str, connection: Connection) -> None:
    shared = database(acting_url)
    shared.pool = Pool(acting_url, size=1, acquire_timeout=5, session=Session(60, 0.1))
    try:
        async with connection.transaction():
            await connection.execute("LOCK TABLE acting.sales")
            with pytest.raises(LockTimeout):
                await document(shared, _as(None))
    finally:
        await shared.pool.close()
