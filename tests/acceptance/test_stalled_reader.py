"""A client that does not read costs little memory, and nobody else anything."""

import socket
import subprocess
from collections.abc import Iterator
from contextlib import closing, contextmanager
from typing import IO
from urllib.parse import urlsplit

import psutil
import pytest

from tests.acceptance.service import Service, statements, until

MIB = 2**20
ROWS = 300_000
"""At about 970 bytes each, in every format that is not compressed."""


@contextmanager
def _stalled(service: Service, path: str) -> Iterator[None]:
    """Ask, and read nothing but the head."""
    with closing(socket.socket()) as client:
        client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 65536)
        client.connect((urlsplit(service.url).hostname, urlsplit(service.url).port))
        client.sendall(f"GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
        assert client.recv(12) == b"HTTP/1.1 200"
        yield


def _settled(worker: psutil.Process) -> int:
    """Return the worker's memory once it has stopped growing and working."""
    seen = [-1]

    def still() -> bool:
        seen.append(worker.memory_info().rss)
        return worker.cpu_percent(0.3) < 10 and abs(seen[-1] - seen[-2]) < MIB

    until(still)
    return seen[-1]


@pytest.mark.parametrize(
    "path",
    [
        "stream.csv",
        "stream.ndjson",
        # A row group is held whole, several times over while it is written: these are of two megabytes.
        "stream.parquet?_compression=none&_row_group_size=2000",
        "stream.arrows",
        "fetched.csv",
        "stream.csv?_compression=gzip",
    ],
)
def test_memory_is_flat_while_a_reader_stalls(service: Service, source: str, path: str) -> None:
    dataset = path.partition(".")[0]
    joined = f"/datasets/{path}{'&' if '?' in path else '?'}rows="
    service.curl(f"{joined}20000")
    (worker,) = service.workers()
    before = _settled(worker)
    with _stalled(service, f"{joined}{ROWS if 'compression=gzip' not in path else 5 * ROWS}"):
        after = _settled(worker)
        assert statements(source, dataset), "all of it was taken from the database: the reader was not stalled"
        assert after - before < 32 * MIB
        assert service.curl("/datasets/items.csv").status == 200
    until(lambda: not statements(source, dataset))


@contextmanager
def _unread(service: Service, path: str, version: str) -> Iterator[IO[bytes]]:
    """Have curl ask, and leave what it gets in its pipe."""
    with subprocess.Popen(["curl", "-sS", version, service.url + path], stdout=subprocess.PIPE, bufsize=0) as curl:
        assert curl.stdout
        try:
            assert curl.stdout.read(1)
            yield curl.stdout
        finally:
            curl.kill()


def test_memory_is_flat_while_an_http_2_stream_stalls(service: Service, source: str) -> None:
    service.curl("/datasets/stream.csv?rows=20000", "--http2-prior-knowledge")
    (worker,) = service.workers()
    before = _settled(worker)
    with _unread(service, f"/datasets/stream.csv?rows={ROWS}", "--http2-prior-knowledge"):
        assert _settled(worker) - before < 32 * MIB
        assert statements(source, "stream")
    until(lambda: not statements(source, "stream"))


@pytest.mark.parametrize("version", ["--http1.1", "--http2-prior-knowledge"])
def test_reader_that_goes_on_gets_everything(service: Service, version: str) -> None:
    (worker,) = service.workers()
    with _unread(service, "/datasets/stream.csv?rows=60000", version) as body:
        _settled(worker)
        rows = sum(part.count(b"\n") for part in iter(lambda: body.read(MIB), b""))
    assert rows == 60_001


def test_others_are_served_while_some_stall(service: Service, source: str) -> None:
    with (
        _stalled(service, "/datasets/stream.csv?rows=300000"),
        _stalled(service, "/datasets/stream.ndjson?rows=300000"),
    ):
        assert service.curl("/datasets/big.csv").body.count(b"\n") == 50_001
        assert service.curl("/datasets/big.parquet").exit == 0
    until(lambda: not statements(source, "stream"))
