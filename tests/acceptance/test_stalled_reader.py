"""A client that does not read costs little memory, and nobody else anything."""

import socket
from collections.abc import Iterator
from contextlib import closing, contextmanager
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
        client.sendall(f"GET {path} HTTP/1.1\r\nHost: stalled\r\n\r\n".encode())
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
        "stream.parquet?_compression=none&_row_group_size=10000",
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


def test_others_are_served_while_some_stall(service: Service, source: str) -> None:
    with _stalled(service, "/datasets/stream.csv?rows=300000"), _stalled(service, "/datasets/stream.ndjson?rows=300000"):
        assert service.curl("/datasets/big.csv").body.count(b"\n") == 50_001
        assert service.curl("/datasets/big.parquet").exit == 0
    until(lambda: not statements(source, "stream"))
