"""Clients that take nothing, or too little: they are cut, and nothing of theirs is left."""

import socket
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from urllib.parse import urlsplit

import psutil
import pytest

from exporter.access.key import Key
from exporter.access.keys_file import changing
from exporter.access.tokens import digest_of, new_token
from tests.acceptance.http2 import Http2, http2
from tests.acceptance.service import PATIENCE, Service, running, statements, until

STALL = 1.0
ROWS = 300_000


@pytest.fixture(scope="module")
def impatient(source: str, datasets: Path) -> Iterator[Service]:
    """A service of one connection, which who stalls must give back."""
    settings = {"pool_size": "1", "pool_timeout": "15", "stall_timeout": str(STALL)}
    with running(source, datasets, settings=settings) as started:
        yield started


@contextmanager
def asking(service: Service, path: str, *headers: str) -> Iterator[socket.socket]:
    """Ask, and read nothing."""
    with closing(socket.socket()) as client:
        client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 65536)
        client.connect((urlsplit(service.url).hostname, urlsplit(service.url).port))
        lines = [f"GET {path} HTTP/1.1", "Host: localhost", *headers, "", ""]
        client.sendall("\r\n".join(lines).encode())
        yield client


@contextmanager
def stalled(service: Service, path: str, *headers: str) -> Iterator[socket.socket]:
    """Ask, and read nothing but the head."""
    with asking(service, path, *headers) as client:
        assert client.recv(12) == b"HTTP/1.1 200"
        yield client


def connections(service: Service) -> list[int]:
    """Return the ports of the clients of whose connections the worker holds a descriptor."""
    (worker,) = service.workers()
    port = urlsplit(service.url).port
    held = [found for found in worker.net_connections("tcp") if found.laddr.port == port and found.raddr]
    return [found.raddr.port for found in held if found.status == psutil.CONN_ESTABLISHED]


def keys(path: Path, *names: str) -> dict[str, str]:
    """Make keys that may read everything, and return their tokens."""
    tokens, now = {name: new_token() for name in names}, datetime.now(UTC)
    with changing(path) as held:
        for name, token in tokens.items():
            expires = now + timedelta(hours=1)
            held[name] = Key(sha256=digest_of(token), datasets=("*",), role=None, created=now, expires=expires)
    return tokens


def reasons(service: Service, outcome: str) -> list[str]:
    lines = service.log.read_text().splitlines()
    return [line.partition("reason=")[2] for line in lines if f"outcome={outcome}" in line]


@pytest.mark.parametrize(
    "path", ["stream.csv", "stream.ndjson", "stream.parquet?_compression=none&_row_group_size=2000", "fetched.csv"]
)
def test_client_that_stops_reading_is_cut(impatient: Service, source: str, path: str) -> None:
    joined = f"/datasets/{path}{'&' if '?' in path else '?'}rows={ROWS}"
    before = len(reasons(impatient, "stalled"))
    with stalled(impatient, joined) as client:
        port = client.getsockname()[1]
        until(lambda: len(reasons(impatient, "stalled")) > before)
        until(lambda: not statements(source, path.partition(".")[0]))
        until(lambda: port not in connections(impatient))
        assert impatient.curl("/datasets/items.csv").status == 200
        body = b""
        with pytest.raises(ConnectionResetError):
            while chunk := client.recv(1 << 20):
                body += chunk
        assert not body.endswith(b"0\r\n\r\n")
    assert "stall_timeout" in reasons(impatient, "stalled")[-1]


def test_http_2_client_that_stops_reading_is_cut(impatient: Service, source: str) -> None:
    before = len(reasons(impatient, "stalled"))
    url = f"{impatient.url}/datasets/stream.csv?rows={ROWS}"
    command = ["curl", "-sS", "--http2-prior-knowledge", url]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as curl:
        assert curl.stdout
        try:
            assert curl.stdout.read(1)
            until(lambda: len(reasons(impatient, "stalled")) > before)
            until(lambda: not statements(source, "stream"))
            until(lambda: not connections(impatient))
        finally:
            curl.stdout.close()
            curl.kill()


def test_http_2_client_that_reads_on_sees_that_its_body_was_cut(impatient: Service, tmp_path: Path) -> None:
    before = len(reasons(impatient, "stalled"))
    url = f"{impatient.url}/datasets/stream.csv?rows={ROWS}"
    command = ["curl", "-sS", "--http2-prior-knowledge", url]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as curl:
        assert curl.stdout
        assert curl.stdout.read(1)
        until(lambda: len(reasons(impatient, "stalled")) > before)
        while curl.stdout.read(1 << 20):
            pass
        assert curl.wait() in (18, 56, 92)


WHOLE = (
    *("/", "/datasets", "/openapi.json", "/metrics", "/healthz", "/readyz", "/nothing"),
    *("/datasets/items", "/datasets/none", "/datasets/items.csv?nothing=1", "/datasets/items.csv?_columns=a,b,c"),
)


def unread(service: Service) -> float:
    """Return how many bytes the service keeps for clients that do not take them; it looks once a second."""
    lines = service.curl("/metrics").text.splitlines()
    return float(next(line.split()[1] for line in lines if line.startswith("exporter_unread_bytes")))


def given_up(service: Service) -> list[str]:
    return [line for line in service.log.read_text().splitlines() if "response aborted" in line]


def test_http_2_client_that_reads_no_answer_is_cut(impatient: Service) -> None:
    """Its window is closed, and its connection as alive as any."""
    before = len(given_up(impatient))
    with http2(impatient.url) as client:
        streams = [client.ask(path) for _ in range(3) for path in WHOLE]
        client.until(lambda: len(client.statuses) == len(streams))
        until(lambda: unread(impatient))
        client.until(lambda: False)
        assert client.gone
        assert not client.bodies
        until(lambda: not unread(impatient))
    told = given_up(impatient)[before:]
    assert len(told) == len(streams)
    assert all("stall_timeout" in line for line in told)
    assert {line.partition("path=")[2].split()[0] for line in told} == {path.partition("?")[0] for path in WHOLE}


@pytest.mark.parametrize("path", ["items.csv", f"stream.csv?rows={ROWS}"])
def test_http_2_client_that_reads_no_export_is_cut(impatient: Service, source: str, path: str) -> None:
    """One fits into what a web server takes ahead, the other does not."""
    before = len(reasons(impatient, "stalled"))
    with http2(impatient.url) as client:
        client.ask(f"/datasets/{path}")
        client.until(lambda: False)
        assert client.gone
    until(lambda: len(reasons(impatient, "stalled")) == before + 1)
    assert not statements(source, path.partition(".")[0])
    until(lambda: not unread(impatient))


def test_http_2_streams_that_are_read_outlive_one_that_is_not(impatient: Service) -> None:
    before = len(given_up(impatient))
    with http2(impatient.url) as client:
        stuck, left = client.ask("/openapi.json"), client.ask("/datasets")
        read = client.ask("/datasets/trickle.csv?rows=20")  # four seconds, and so four times the stall
        client.take(read, 1 << 20)
        client.until(lambda: len(given_up(impatient)) == before + 2)
        assert not client.gone
        client.leave(left)
        client.until(lambda: read in client.ended)
        assert client.bodies[read].count(b"\n") == 21
        client.take(stuck, 1 << 30)
        client.until(lambda: stuck in client.reset)
        assert (client.gone, stuck in client.ended) == (False, False)
        until(lambda: not unread(impatient))
        client.ask("/healthz", method="HEAD")
        client.until(lambda: len(client.ended) == 2)


def has(client: Http2, stream: int, some: int | None = None) -> bool:
    """Whether so many bytes of a stream have come, or all of it."""
    return stream in client.ended or (some is not None and len(client.bodies[stream]) >= some)


def test_http_2_client_that_reads_little_by_little_gets_all(impatient: Service) -> None:
    whole = {path: impatient.curl(path).body for path in ("/openapi.json", "/healthz", "/datasets/items.csv")}
    with http2(impatient.url) as client:
        for path, body in whole.items():
            stream = client.ask(path)
            step = len(body) // 7 + 1
            for some in range(step, len(body) + step, step):
                client.take(stream, step)
                client.until(partial(has, client, stream, some))
            client.until(partial(has, client, stream))
            assert client.bodies[stream] == body


def test_a_database_that_is_slow_is_not_blamed_on_the_client(impatient: Service) -> None:
    """Each row comes after a fifth of a second: in all it takes longer than a client may stall."""
    before = len(reasons(impatient, "stalled"))
    answer = impatient.curl("/datasets/trickle.csv?rows=10")
    assert (answer.exit, answer.text.count("\n")) == (0, 11)
    assert impatient.curl("/datasets/sleep.csv?seconds=2").exit == 0
    assert len(reasons(impatient, "stalled")) == before


def test_time_that_an_export_may_take_ends_while_the_client_stalls(source: str, datasets: Path) -> None:
    settings = {"pool_size": "1", "stall_timeout": "600", "max_seconds": "2"}
    with running(source, datasets, settings=settings) as service, stalled(service, f"/datasets/stream.csv?rows={ROWS}"):
        until(lambda: reasons(service, "stalled"))
        assert "max_seconds" in reasons(service, "stalled")[-1]
        until(lambda: not statements(source, "stream"))
        until(lambda: not connections(service))


def test_who_leaves_the_end_unread_is_dropped_by_the_kernel(impatient: Service) -> None:
    """All of the body is with the web server, and nobody waits for it any more."""
    with stalled(impatient, "/datasets/stream.csv?rows=3500") as client:
        port = client.getsockname()[1]
        until(lambda: port in connections(impatient))
        until(lambda: port not in connections(impatient), within=20 * STALL + PATIENCE)


def test_whoever_stalls_gives_way_to_who_waits(source: str, datasets: Path, tmp_path: Path) -> None:
    """One key's exports, as many as it may have, and others' fill the pool; nobody reads any of them, for hours."""
    tokens = keys(tmp_path / "keys.toml", "many", "some", "late")
    settings = {"pool_size": "4", "pool_timeout": "60", "stall_timeout": "36000", "keys": str(tmp_path / "keys.toml")}
    path, bearer = f"/datasets/stream.csv?rows={ROWS}", "Authorization: Bearer {}"
    with running(source, datasets, settings=settings) as service, ExitStack() as stack:
        for name in ("many", "many"):
            stack.enter_context(stalled(service, path, bearer.format(tokens[name])))
        waiting = stack.enter_context(asking(service, path, bearer.format(tokens["many"])))
        assert service.curl("/datasets/items.csv", "-H", bearer.format(tokens["late"])).status == 200
        multiplexing = stack.enter_context(http2(service.url))
        for _ in range(2):
            multiplexing.ask(path, ("authorization", bearer.format(tokens["some"]).partition(" ")[2]))
        until(lambda: len(statements(source, "stream")) == 4)
        assert not reasons(service, "displaced")
        waiting.setblocking(False)
        with pytest.raises(BlockingIOError):  # the third of its exports is in line
            waiting.recv(1)
        answer = service.curl("/datasets/items.csv", "-H", bearer.format(tokens["late"]))
        assert (answer.exit, answer.status) == (0, 200)
        (reason,) = until(lambda: reasons(service, "displaced"))
        assert "others were waiting" in reason
        assert not reasons(service, "stalled")


def test_descriptions_take_places_like_exports(source: str, datasets: Path) -> None:
    settings = {"pool_size": "2", "max_exports_per_principal": "1", "pool_timeout": "0.4"}
    with running(source, datasets, settings=settings) as service, stalled(service, f"/datasets/stream.csv?rows={ROWS}"):
        answer = service.curl("/datasets/items")
        assert (answer.status, answer.json()["type"]) == (429, "urn:exporter:problem:too-many-own-exports")
