"""Idle connections of a process, which are its own here: those that were idle longest go first."""

import asyncio
import socket
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

import pytest

from exporter.http.rsgi import RsgiScope
from exporter.limits.idle import Idle

pytestmark = pytest.mark.anyio


@contextmanager
def connected(count: int) -> Iterator[tuple[int, list[tuple[socket.socket, socket.socket]]]]:
    """Yield the port that connections were accepted at, and of each the client's end and the service's."""
    with ExitStack() as stack:
        listener = stack.enter_context(socket.create_server(("127.0.0.1", 0)))
        pairs = []
        for _ in range(count):
            client = stack.enter_context(socket.create_connection(listener.getsockname()))
            server, _ = listener.accept()
            server.setblocking(False)
            pairs.append((client, stack.enter_context(server)))
        yield listener.getsockname()[1], pairs


def ended(pair: tuple[socket.socket, socket.socket]) -> bool:
    """Whether the service was told that nothing more comes from the client, who has not left."""
    try:
        return pair[1].recv(1) == b""
    except BlockingIOError:
        return False


def asking(client: socket.socket) -> RsgiScope:
    scope = {"type": "http", "http_version": "1.1", "method": "GET", "path": "/", "query_string": b"", "headers": []}
    return RsgiScope(scope | {"client": client.getsockname(), "server": client.getpeername()})


async def test_so_many_are_kept_and_those_that_were_idle_longest_go() -> None:
    with connected(6) as (port, pairs):
        idle = Idle(most=3)
        running = idle.in_use(asking(pairs[0][0]))
        with running:
            await idle.look({port})
            assert not any(map(ended, pairs)), "their heads may be on their way"
            await idle.look({port})
            assert [ended(pair) for pair in pairs].count(True) == 2, "of five that are idle"
            assert not ended(pairs[0])
            for pair in pairs:
                if ended(pair):
                    for end in pair:
                        end.close()
            before = [pair for pair in pairs[1:] if pair[1].fileno() >= 0]
            await asyncio.sleep(0.01)
        with idle.in_use(asking(before[0][0])):
            pass
        await idle.look({port})
        assert [ended(pair) for pair in (pairs[0], *before)].count(True) == 1
        assert not ended(pairs[0]), "its request has just ended"
        assert not ended(before[0]), "as has this one's"


async def test_a_connection_is_used_while_any_of_its_requests_runs() -> None:
    with connected(1) as (port, [pair]):
        idle = Idle(most=0)
        with idle.in_use(asking(pair[0])):
            with idle.in_use(asking(pair[0])):
                pass
            await idle.look({port})
            assert not ended(pair)
        for _ in range(2):
            await idle.look({port})
        assert ended(pair)


async def test_what_waits_to_be_sent_still_is() -> None:
    with connected(1) as (port, [(client, server)]):
        server.sendall(b"answer")
        idle = Idle(most=0)
        for _ in range(2):
            await idle.look({port})
        server.sendall(b" and its end")
        server.close()
        assert client.makefile("rb").read() == b"answer and its end"


async def test_all_are_ended_when_the_service_stops_but_those_with_a_request() -> None:
    with connected(3) as (port, pairs):
        idle = Idle(most=10)
        await idle.look({port})
        with idle.in_use(asking(pairs[0][0])):
            await idle.look({port}, stopping=True)
            assert [ended(pair) for pair in pairs] == [False, True, True]


async def test_connections_that_were_not_accepted_there_are_nobody_s_business() -> None:
    with connected(2) as (port, pairs):
        idle = Idle(most=0)
        for ports in ({port + 1}, {port + 1}, {port}, {port}):
            assert not any(map(ended, pairs))
            await idle.look(ports)
        assert all(map(ended, pairs))
        # The clients' own ends are in this process too, and have the port as their peer's.
        for client, _ in pairs:
            client.setblocking(False)
            with pytest.raises(BlockingIOError):
                client.recv(1)
