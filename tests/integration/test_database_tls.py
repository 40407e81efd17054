"""TLS to the database, as the URL says; the embedded server knows none, so something in front of it does."""

import asyncio
import ssl
from asyncio.streams import StreamReader, StreamWriter
from pathlib import Path
from typing import Any, Self

import pytest
import trustme

from queries.errors import DatabaseUnavailable
from queries.pool import Pool
from queries.session import Session
from tests.proxy import Proxy

pytestmark = pytest.mark.anyio

AUTHORITY = trustme.CA()


class Front(Proxy):
    """A server called `localhost` that wants TLS, by PostgreSQL's negotiation or, if `direct`, at once."""

    def __init__(self, dsn: str, *, direct: bool) -> None:
        super().__init__(dsn)
        self._direct = direct
        self._context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        self._context.set_alpn_protocols(["postgresql"])
        AUTHORITY.issue_cert("localhost").configure_cert(self._context)
        AUTHORITY.configure_trust(self._context)
        self._context.verify_mode = ssl.CERT_OPTIONAL
        self.certificates: list[Any] = []

    async def __aenter__(self) -> Self:
        context = self._context if self._direct else None
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0, ssl=context)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def _serve(self, reader: StreamReader, writer: StreamWriter) -> None:
        try:
            if not self._direct:
                await reader.readexactly(8)
                writer.write(b"S")
                await writer.start_tls(self._context)
        except (OSError, asyncio.IncompleteReadError):
            writer.close()
            return
        self.certificates.append(writer.get_extra_info("peercert"))
        await super()._serve(reader, writer)


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
