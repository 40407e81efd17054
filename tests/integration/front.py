"""A server that wants TLS, in front of one that need not."""

import asyncio
import ssl
from asyncio.streams import StreamReader, StreamWriter
from typing import Any, Self

import trustme

from tests.proxy import Proxy

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
