"""TLS to the database, as the URL says; the embedded server knows none, so something in front of it does."""

from pathlib import Path
from typing import Any

import pytest

from queries.errors import DatabaseUnavailable
from queries.pool import Pool
from queries.session import Session
from tests.integration.front import AUTHORITY, Front

pytestmark = pytest.mark.anyio


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the authority, and a certificate of ours with its key."""
    folder = tmp_path_factory.mktemp("tls")
    AUTHORITY.cert_pem.write_to_path(folder / "authority.pem")
    ours = AUTHORITY.issue_cert("exporter@example.com")
    ours.cert_chain_pems[0].write_to_path(folder / "ours.pem")
    ours.private_key_pem.write_to_path(folder / "ours.key")
    return folder


async def connected(dsn: str, folder: Path, query: str, host: str = "localhost") -> list[Any]:
    """The certificates that came with the connections to a server."""
    async with Front(dsn, direct="direct" in query) as front:
        user, name = front._user or "postgres", front._name
        url = f"postgresql://{user}@{host}:{front.port}{name}?{query.format(folder=folder)}"
        pool = Pool(url, size=1, acquire_timeout=5, session=Session(60, 10))
        try:
            async with pool.transaction("tls") as connection:
                assert await connection.fetchval("SELECT 1") == 1
        finally:
            await pool.close()
        return front.certificates


@pytest.mark.parametrize(
    "query",
    [
        "sslmode=require",
        "ssl=true",
        "sslmode=verify-full&sslrootcert={folder}/authority.pem",
        "sslmode=verify-full&sslrootcert={folder}/authority.pem&sslnegotiation=direct",
        "sslmode=verify-full&sslrootcert=system",
        "sslrootcert=system&sslnegotiation=direct",
        "sslmode=verify-ca&sslrootcert={folder}/authority.pem&ssl_min_protocol_version=TLSv1.3",
    ],
)
async def test_ways_to_trust_a_server(
    database_url: str, folder: Path, monkeypatch: pytest.MonkeyPatch, query: str
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(folder / "authority.pem"))
    assert await connected(database_url, folder, query) == [None]


async def test_a_certificate_of_ours(database_url: str, folder: Path) -> None:
    query = "sslmode=require&sslcert={folder}/ours.pem&sslkey={folder}/ours.key"
    (certificate,) = await connected(database_url, folder, query)
    assert ("email", "exporter@example.com") in certificate["subjectAltName"]


@pytest.mark.parametrize(
    ("query", "host"),
    [
        ("sslrootcert=system", "localhost"),
        ("sslmode=verify-full&sslrootcert={folder}/authority.pem", "127.0.0.1"),
        ("sslmode=verify-full&sslrootcert={folder}/ours.pem", "localhost"),
    ],
)
async def test_servers_that_are_not_trusted(database_url: str, folder: Path, query: str, host: str) -> None:
    with pytest.raises(DatabaseUnavailable, match="CERTIFICATE_VERIFY_FAILED"):
        await connected(database_url, folder, query, host)
