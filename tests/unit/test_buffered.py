"""Answers that are sent as a whole, or in pieces that a client has to take."""

import asyncio
from typing import Any

import pytest

from exporter.http.pieces import probing
from exporter.http.rsgi import Aborted, RsgiProtocol, RsgiScope
from exporter.limits import pace
from exporter.limits.connections import Connections
from exporter.limits.pace import Paces
from exporter.web.buffered import BufferedResponses, SharedDocument

pytestmark = pytest.mark.anyio

LARGE = bytes(200_000)
TAKEN = 5


class Server:
    """Takes messages of a body ahead, like Granian, until the client reads."""

    def __init__(self, *, reads: bool) -> None:
        self.sent: list[Any] = []
        self.reads = asyncio.Event()
        if reads:
            self.reads.set()

    async def receive(self) -> Any:
        await asyncio.Event().wait()

    async def send(self, message: Any) -> None:
        if "body" in message and message.get("more_body") and len(self.bodies) >= TAKEN:
            await self.reads.wait()
        self.sent.append(message)

    @property
    def bodies(self) -> list[Any]:
        return [message for message in self.sent if "body" in message]

    @property
    def body(self) -> bytes:
        return b"".join(message["body"] for message in self.bodies)


def asked(version: str, method: str = "GET") -> RsgiScope:
    """A request over a connection that nobody finds."""
    scope = {"http_version": version, "method": method, "path": "/", "query_string": b"", "headers": []}
    return RsgiScope(scope)


async def answer(server: Server, body: bytes, version: str, wholes: BufferedResponses, method: str = "GET") -> None:
    protocol = RsgiProtocol(server.receive, server.send)
    protocol.response_bytes(200, [], body)
    assert protocol.buffered
    await wholes.send(asked(version, method), protocol, protocol.buffered)
    await protocol.finish()
    await protocol.end()


@pytest.mark.parametrize("length", [0, 1, 5, 6, 7, 11, 12, 100, 24_575, 24_576, 24_577, 100_000])
def test_a_body_has_a_piece_more_than_is_taken_of_it_unread(length: int) -> None:
    body = bytes(range(256)) * 400
    found = list(probing(body[:length], 16_384))
    assert b"".join(found) == body[:length]
    assert len(found) > TAKEN or len(found) == length
    assert sum(map(len, found[:TAKEN])) <= 5 * 4096
    assert all(found)


@pytest.mark.parametrize(
    ("version", "body"), [("2", b"small!"), ("2", LARGE), ("1.1", LARGE), ("2", SharedDocument(LARGE))]
)
async def test_what_nobody_reads_is_given_up(version: str, body: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pace, "_TICK_SECONDS", 0.005)
    told: list[str] = []
    server = Server(reads=False)
    with pytest.raises(Aborted, match="stalled"):
        await answer(
            server,
            body,
            version,
            BufferedResponses(Paces(0.01), Connections(), lambda _, outcome, reason: told.append(outcome)),
        )
    assert told == ["stalled"]
    assert len(server.body) < max(len(body), 100)
    assert all(message.get("more_body") for message in server.bodies)


@pytest.mark.parametrize("version", ["1.1", "2"])
@pytest.mark.parametrize("body", [b"", b"1", b"small!", LARGE, SharedDocument(LARGE)])
async def test_what_is_read_is_whole(version: str, body: bytes) -> None:
    server = Server(reads=True)
    await answer(server, body, version, BufferedResponses())
    assert server.body == body
    assert [message.get("more_body", False) for message in server.bodies][-1] is False
    assert all(type(message["body"]) is bytes for message in server.bodies if version == "2")


async def test_a_small_answer_of_http_1_is_one_message() -> None:
    server = Server(reads=False)
    await answer(server, b"small!", "1.1", BufferedResponses())
    assert len(server.sent) == 2


async def test_a_head_has_no_body() -> None:
    server = Server(reads=False)
    await answer(server, LARGE, "2", BufferedResponses(), "HEAD")
    assert server.body == b""
