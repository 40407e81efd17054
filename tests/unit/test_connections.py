"""Clients' connections: found among all sockets of the process, and set to be reset while bodies run on them."""

import asyncio
import gc
import socket
import struct
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from exporter.limits import connections as connections_module
from exporter.limits.body import Body
from exporter.limits.connections import Connections
from exporter.limits.slow_clients import SlowClient
from exporter.limits.sockets import Sockets, ends_of

pytestmark = pytest.mark.anyio


@contextmanager
def accepted(address: str = "127.0.0.1", to: str | None = None, family: int = socket.AF_INET) -> Iterator[Any]:
    """The server's and the client's end of a connection."""
    with ExitStack() as stack:
        listener = stack.enter_context(
            socket.create_server((address, 0), family=family, dualstack_ipv6=address == "::")
        )
        client = stack.enter_context(socket.create_connection((to or address, listener.getsockname()[1])))
        yield stack.enter_context(listener.accept()[0]), client


def request(end: socket.socket, version: str = "1.1", client: str | None = None, scheme: str = "http") -> Any:
    """What Granian says of a request: the address that it listens on, not the one that was called."""
    host, port = end.getpeername()[:2]
    server = f"any:{end.getsockname()[1]}"
    return SimpleNamespace(client=f"{client or host}:{port}", server=server, http_version=version, scheme=scheme)


def resets(end: socket.socket) -> bool:
    return struct.unpack("ii", end.getsockopt(socket.SOL_SOCKET, socket.SO_LINGER, 8)) == (1, 0)


async def released(connections: Connections) -> None:
    async with asyncio.timeout(20):
        for _ in iter(lambda: bool(connections._held), False):
            await asyncio.sleep(0.001)


def opened() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


async def test_a_connection_is_reset_while_a_body_runs_and_not_afterwards() -> None:
    connections = Connections()
    with accepted() as (end, _):
        for _ in range(3):
            assert not resets(end)
            async with Body(connections, request(end)):
                assert resets(end)
            assert resets(end)  # the web server may still hold some of it
            await released(connections)
        assert not resets(end)


async def test_what_the_kernel_cannot_take_yet_keeps_the_connection_so() -> None:
    connections = Connections()
    with accepted() as (end, client):
        async with Body(connections, request(end)):
            end.setblocking(False)
            with pytest.raises(BlockingIOError):
                while True:
                    end.send(b"." * 65536)
        for _ in range(5):
            connections._tick()
        assert resets(end)
        client.close()  # what nobody will read is over, too
        await released(connections)


async def test_a_body_over_tls_that_fails_ends_with_a_record_that_is_none() -> None:
    """A reset would be an end to Python's own TLS, and one behind the record might overtake it."""
    with accepted() as (end, client):
        with pytest.raises(ZeroDivisionError):
            async with Body(Connections(), request(end, scheme="https")):
                raise ZeroDivisionError
        assert client.recv(100) == b"\x15\x03\x03\x00\x02\x02\x50"
        assert client.recv(100) == b""


async def test_who_reads_nothing_is_reset_over_tls_too() -> None:
    with accepted() as (end, _):
        with pytest.raises(SlowClient):
            async with Body(Connections(), request(end, scheme="https")):
                raise SlowClient("stalled")
        assert resets(end)


async def test_a_body_of_http_1_that_fails_ends_its_connection() -> None:
    connections = Connections()
    with accepted() as (end, client):
        with pytest.raises(ZeroDivisionError):
            async with Body(connections, request(end)):
                raise ZeroDivisionError
        assert end.recv(1) == b""  # by which the web server knows
        end.close()
        with pytest.raises(ConnectionResetError):
            client.recv(1)
    assert not connections._held


async def test_a_stream_that_fails_leaves_the_others_their_connection() -> None:
    connections = Connections(stall=1)
    taken = asyncio.Event()
    with accepted() as (end, _):
        async with Body(connections, request(end, "2")):
            failing = Body(connections, request(end, "2"))
            with pytest.raises(SlowClient):
                async with failing:
                    raise SlowClient("stalled")
            assert end.getsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT) == 1000
            left = asyncio.create_task(failing.drained(taken.wait))
            for _ in range(5):
                await asyncio.sleep(0)
                connections._tick()
            assert connections.unread
            taken.set()
            await left
            assert resets(end)
        await released(connections)
        assert not resets(end)
        assert not connections.unread


def done() -> asyncio.Event:
    event = asyncio.Event()
    event.set()
    return event


async def unread(connections: Connections, end: socket.socket, size: int = 0) -> Body:
    """Return a stream of HTTP/2 that was given up."""
    body = Body(connections, request(end, "2"), size)
    with pytest.raises(SlowClient):
        async with body:
            raise SlowClient("stalled")
    return body


async def test_a_connection_of_whose_streams_none_is_read_is_reset() -> None:
    connections = Connections(stall=60)
    with accepted() as (end, _):
        other = Body(connections, request(end, "2"), 1000)
        await other.__aenter__()
        first = await unread(connections, end)
        assert connections._held
        await other.__aexit__(SlowClient, SlowClient("stalled"), None)
        assert end.recv(1) == b""
        assert (connections._held, connections.unread) == ({}, 0)
        for body in (first, other):
            await body.drained(done().wait)
        assert (connections._held, connections.unread) == ({}, 0)


async def test_an_answer_that_has_just_been_sent_may_still_be_read() -> None:
    connections = Connections(stall=0.01)
    with accepted() as (end, _):
        async with Body(connections, request(end, "2")):
            body = await unread(connections, end)
        assert connections._held  # the other may not have got all of it
        end.settimeout(20)
        assert await asyncio.to_thread(end.recv, 1) == b""
        assert not connections._held
        await body.drained(done().wait)


async def test_whoever_has_most_of_too_much_that_waits_is_reset(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connections_module, "_PATIENCE_SECONDS", 0.01)
    connections = Connections(most_unread=1000)
    with accepted() as (small, _), accepted() as (large, _):
        async with Body(connections, request(small, "2"), 300):
            for _ in range(2):
                await Body(connections, request(large, "2"), 300).__aenter__()
            assert connections.unread == 900
            async with Body(connections, request(small, "2"), 200):
                assert large.recv(1) == b""
                assert (connections.unread, len(connections._held)) == (500, 1)
        assert connections.unread == 0
        await released(connections)


async def test_answers_that_are_read_soon_wait_for_each_other() -> None:
    connections = Connections(most_unread=1000)

    async def answered(end: socket.socket) -> None:
        async with Body(connections, request(end, "2"), 400):
            assert connections.unread <= 1000
            await asyncio.sleep(0.001)

    with accepted() as (end, _), accepted() as (other, _):
        leaving = [asyncio.create_task(answered(end)) for _ in range(30)]
        await asyncio.sleep(0)
        for task in leaving[::3]:
            task.cancel()
        await asyncio.gather(*(answered(other) for _ in range(30)))
        await asyncio.wait(leaving)
        assert [task.cancelled() for task in leaving] == [number % 3 == 0 for number in range(30)]
        assert connections.unread == 0
        await released(connections)


async def test_what_the_kernel_has_no_room_for_still_waits() -> None:
    connections = Connections()
    with accepted() as (end, client):
        async with Body(connections, request(end, "2")), Body(connections, request(end, "2"), 100):
            end.setblocking(False)
            with pytest.raises(BlockingIOError):
                while True:
                    end.send(b"." * 65536)
        assert connections.unread == 100
        client.close()
        await released(connections)
        assert connections.unread == 0


async def test_two_streams_that_begin_at_once_share_one_copy() -> None:
    connections = Connections()
    with accepted() as (end, _):
        bodies = [Body(connections, request(end, "2")) for _ in range(4)]
        await asyncio.gather(*(body.__aenter__() for body in bodies))
        assert [connection.bodies for connection in connections._held.values()] == [4]
        for body in bodies:
            await body.__aexit__(None, None, None)
        await released(connections)


async def test_a_client_that_came_back_from_the_same_port_is_not_taken_for_its_old_connection() -> None:
    connections = Connections()
    with socket.create_server(("127.0.0.1", 0)) as listener, ExitStack() as stack:
        port, ends = 0, []
        for _ in range(2):
            client = stack.enter_context(socket.socket())
            client.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            client.bind(("127.0.0.1", port))
            port = client.getsockname()[1]
            client.connect(listener.getsockname())
            ends.append(stack.enter_context(listener.accept()[0]))
            async with Body(connections, request(ends[-1])):
                assert resets(ends[-1])
                client.close()
    await released(connections)


@pytest.mark.parametrize(
    ("address", "to", "told"),
    [("::1", None, "::1"), ("::", "127.0.0.1", "::ffff:127.0.0.1"), ("::", "127.0.0.1", "127.0.0.1")],
)
async def test_addresses_of_ipv6(address: str, to: str | None, told: str) -> None:
    connections = Connections()
    with accepted(address, to, socket.AF_INET6) as (end, _):
        async with Body(connections, request(end, client=told)):
            assert resets(end)
        await released(connections)


async def test_the_same_peer_at_another_port_of_ours_is_another_connection() -> None:
    with accepted() as (end, _):
        scope = request(end)
        scope.server = "any:1"
        async with Body(Connections(), scope):
            assert not resets(end)


@pytest.mark.parametrize("client", ["", "unix:None", "None:None"])
async def test_without_an_address_nothing_is_done(client: str) -> None:
    scope: Any = SimpleNamespace(client=client, server="unix:None", http_version="1.1")
    async with Body(Connections(), scope):
        pass


async def test_a_search_among_many_lets_others_run_and_leaves_nothing_open() -> None:
    with ExitStack() as stack:
        for _ in range(200):
            stack.enter_context(socket.socket())
        end, _ = stack.enter_context(accepted())
        ends, turns = ends_of(request(end)), []

        async def other() -> None:
            while True:
                turns.append(1)
                await asyncio.sleep(0)

        running = asyncio.create_task(other())
        before = opened()
        assert ends
        found = await Sockets().find(ends)
        running.cancel()
        assert found
        found.close()
        gc.collect()
        assert len(turns) > 5
        assert opened() == before


async def test_a_number_that_is_another_connection_by_now_is_not_taken_for_it() -> None:
    sockets = Sockets()
    with accepted() as (first, _), accepted() as (second, _):
        one, other = ends_of(request(first)), ends_of(request(second))
        assert one
        assert other
        for _ in range(2):
            for ends, end in ((one, first), (other, second)):
                found = await sockets.find(ends)
                assert found
                with found:
                    assert found.getpeername() == end.getpeername()
        sockets._found[one] = second.fileno()
        found = await sockets.find(one)
        assert found
        with found:
            assert found.getpeername() == first.getpeername()
