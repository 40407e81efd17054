"""A server as poolers, older versions and networks make it: the PostgreSQL protocol passed through, and changed."""

import asyncio
from asyncio import StreamReader, StreamWriter
from typing import Self
from urllib.parse import parse_qs, urlsplit


class Proxy:
    """Passes the PostgreSQL protocol through; frozen, it swallows all that clients say.

    `waits` counts the messages after which a client can only wait: Query, Sync, Flush.
    """

    def __init__(self, dsn: str) -> None:
        parts = urlsplit(dsn)
        query = {name: values[0] for name, values in parse_qs(parts.query).items()}
        self._host = query.get("host", parts.hostname or "localhost")
        self._port = int(query.get("port", parts.port or 5432))
        self._name = parts.path
        self._user = parts.netloc.rpartition("@")[0]
        self.waits = 0
        self.frozen = False

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        port = self._server.sockets[0].getsockname()[1]
        self.dsn = f"postgresql://{self._user}@127.0.0.1:{port}{self._name}?sslmode=disable"
        return self

    async def __aexit__(self, *exception: object) -> None:
        self._server.close()

    def answered(self, kind: bytes, body: bytes) -> bytes | None:
        """Return what a client gets instead of the server's answer to its message, None where it is passed on."""
        return None

    def told(self, chunk: bytes) -> bytes:
        """Return what a client gets of the server's bytes, which may be parts of messages."""
        return chunk

    async def _serve(self, reader: StreamReader, writer: StreamWriter) -> None:
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

    async def _requests(self, reader: StreamReader, server: StreamWriter, client: StreamWriter) -> None:
        length = await reader.readexactly(4)
        server.write(length + await reader.readexactly(int.from_bytes(length) - 4))
        while True:
            head = await reader.readexactly(5)
            body = await reader.readexactly(int.from_bytes(head[1:]) - 4)
            if self.frozen:
                continue
            self.waits += head[:1] in b"QSH"
            answer = self.answered(head[:1], body)
            if answer is None:
                server.write(head + body)
            else:
                client.write(answer)

    async def _answers(self, server: StreamReader, client: StreamWriter) -> None:
        while chunk := await server.read(65536):
            client.write(self.told(chunk))
            await client.drain()
        client.close()


def message(kind: bytes, body: bytes) -> bytes:
    """A message of the protocol (https://www.postgresql.org/docs/current/protocol-message-formats.html)."""
    return kind + (len(body) + 4).to_bytes(4) + body


class TellingProxy(Proxy):
    """Tells of a setting between two rows, as servers before PostgreSQL 14 do; the driver drops the rows before it.

    `lost` counts how often; once for each COPY that is long enough.
    """

    lost = 0

    def answered(self, kind: bytes, body: bytes) -> bytes | None:
        self._armed = kind == b"Q" and body.lstrip().startswith(b"COPY")
        return None

    def told(self, chunk: bytes) -> bytes:
        between = chunk.find(b"\nd\0\0", len(chunk) // 2)
        if between < 0 or not self._armed:
            return chunk
        self._armed = False
        self.lost += 1
        return chunk[: between + 1] + message(b"S", b"TimeZone\0UTC\0") + chunk[between + 1 :]
