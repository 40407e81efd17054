"""When a connection is reset, and when it is not: seen from its other end."""

import re
import signal
import socket
import subprocess
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from tests.acceptance.fronts import program
from tests.acceptance.service import PATIENCE, Service, running, stands_still, until

END = b"\r\n0\r\n\r\n"
BIG = "/datasets/big.csv"
LONG = "/datasets/stream.csv?rows=9000000"


@pytest.fixture
def own(source: str, datasets: Path) -> Iterator[Service]:
    """A service whose worker the test may kill."""
    with running(source, datasets) as started:
        yield started


@contextmanager
def connected(service: Service) -> Iterator[socket.socket]:
    """Connect, with as little room for what is not read as may be."""
    with closing(socket.socket()) as client:
        client.settimeout(PATIENCE)
        client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 65536)
        client.connect((urlsplit(service.url).hostname, urlsplit(service.url).port))
        yield client


def ask(client: socket.socket, path: str, *headers: str) -> None:
    client.sendall("\r\n".join((f"GET {path} HTTP/1.1", "Host: localhost", *headers, "", "")).encode())


def read(client: socket.socket, end: bytes = END) -> bytes:
    """Read up to the end of a chunked body."""
    body = bytearray()
    while not body.endswith(end):
        body += client.recv(1 << 20) or pytest.fail("the connection ended in mid-body, without a reset")
    return bytes(body)


def ends(client: socket.socket) -> bool:
    """Return whether the connection ends without a reset."""
    return client.recv(1) == b""


def kill(service: Service) -> None:
    (worker,) = service.workers()
    worker.kill()


def descriptors(service: Service, client: socket.socket) -> int:
    """Return how many descriptors of a client's connection the worker has."""
    (worker,) = service.workers()
    ends = [end for end in worker.net_connections("tcp") if end.raddr and end.raddr.port == client.getsockname()[1]]
    folder = Path(f"/proc/{worker.pid}/fd")
    opened = [path.readlink() for path in folder.iterdir() if path.is_symlink()]
    return sum(opened.count((folder / str(end.fd)).readlink()) for end in ends)


def test_a_body_that_is_given_up(service: Service) -> None:
    with connected(service) as client:
        ask(client, "/datasets/late.csv")
        with pytest.raises(ConnectionResetError):
            read(client)


def test_the_end_of_a_body_that_the_web_server_still_holds(own: Service, source: str) -> None:
    """The export has ended well, but the process dies, perhaps before all of it is with the kernel."""
    with connected(own) as client:
        ask(client, "/datasets/stream.csv?rows=5200")
        stands_still(source)
        kill(own)
        with suppress(ConnectionResetError):
            read(client)


def test_a_body_that_was_read_slowly_to_its_end(service: Service, source: str) -> None:
    """Nothing of it is lost where the connection ends with it, and the reader is much later than the service."""
    with connected(service) as client:
        ask(client, BIG, "Connection: close")
        stands_still(source)
        assert read(client).count(b"\n") > 50_000
        assert ends(client)


def test_a_connection_between_two_bodies_is_not_reset(own: Service) -> None:
    with connected(own) as client:
        for _ in range(3):
            ask(client, BIG)
            read(client)
        until(lambda: descriptors(own, client) == 1)
        kill(own)
        assert ends(client)


def test_the_second_body_of_a_connection(own: Service) -> None:
    with connected(own) as client:
        ask(client, BIG)
        read(client)
        until(lambda: descriptors(own, client) == 1)
        ask(client, LONG)
        assert client.recv(12) == b"HTTP/1.1 200"
        kill(own)
        with pytest.raises(ConnectionResetError):
            read(client)


def test_bodies_in_a_pipeline(own: Service) -> None:
    with connected(own) as client:
        ask(client, "/datasets/items.csv")
        ask(client, LONG)
        answers = b""
        while answers.count(b"HTTP/1.1 200") < 2:
            answers += client.recv(1000)
        kill(own)
        with pytest.raises(ConnectionResetError):
            read(client, b"none")


@pytest.mark.parametrize("path", ["/healthz", "/datasets", "/datasets/items.csv?_limit=x"])
def test_a_whole_answer_is_not_reset(service: Service, path: str) -> None:
    with connected(service) as client:
        ask(client, path, "Connection: close")
        answer = b"".join(iter(lambda: client.recv(1 << 16), b""))
        head, _, body = answer.partition(b"\r\n\r\n")
        assert f"content-length: {len(body)}".encode() in head.lower()


def test_a_service_that_stops_right_after_a_body(own: Service) -> None:
    """The last bytes of an export are on their way, to a slow reader, when the process ends as it should."""
    with connected(own) as client:
        ask(client, "/datasets/stream.csv?rows=2500")
        until(lambda: "outcome=succeeded" in own.log.read_text())
        own.process.send_signal(signal.SIGTERM)
        until(lambda: own.curl("/healthz").exit == 7)
        assert read(client).count(b"\n") > 2500
        assert ends(client)
        assert own.process.wait(PATIENCE) == 0


def test_a_body_that_is_read_after_the_service_has_stopped(own: Service, source: str) -> None:
    """The kernel has all of it, and hardly any room; where it takes less, the service waits for the reader."""
    with connected(own) as client:
        ask(client, "/datasets/stream.csv?rows=2400")
        stands_still(source)
        own.process.send_signal(signal.SIGTERM)
        with suppress(subprocess.TimeoutExpired):
            own.process.wait(PATIENCE / 4)
        assert read(client).count(b"\n") > 2400
        assert ends(client)


def test_a_stream_of_http_2_is_cut_alone(service: Service) -> None:
    """Another body on the same connection goes on to its end."""
    urls = (f"{service.url}/datasets/late.csv", f"{service.url}/datasets/stream.csv?rows=60000")
    command = [program("nghttp"), "-vn", "-H", "accept-encoding: identity", *urls]
    told = subprocess.run(command, check=False, capture_output=True, text=True, timeout=60).stdout
    (cut,) = re.findall(r"recv RST_STREAM frame <length=4, flags=0x00, stream_id=(\d+)>", told)
    (whole,) = re.findall(r"recv DATA frame <length=\d+, flags=0x01, stream_id=(\d+)>", told)
    sizes = re.findall(rf"recv DATA frame <length=(\d+), flags=0x0[01], stream_id={whole}>", told)
    assert cut != whole
    assert sum(map(int, sizes)) == len(service.curl("/datasets/stream.csv?rows=60000").body)
