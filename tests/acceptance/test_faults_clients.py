"""Clients that hold connections and do nothing with them."""

import resource
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from exporter.limits.idle import MOST_IDLE
from tests.acceptance.raw import PREFACE, connections
from tests.acceptance.service import Service, running, until

MANY = 1500
"""More than a worker takes at once."""
MIB = 2**20
KEPT_SECONDS = 3


@contextmanager
def descriptors(soft: int) -> Iterator[None]:
    """Give what is started meanwhile this soft limit; ourselves have twice as many as connections are opened."""
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    if before[1] != resource.RLIM_INFINITY and before[1] < 2 * MANY:
        pytest.skip("the system allows too few descriptors")
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, before[1]))
    with ExitStack() as stack:
        stack.callback(resource.setrlimit, resource.RLIMIT_NOFILE, before)
        yield
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(before[0], 2 * MANY), before[1]))


@pytest.fixture(scope="module")
def service(source: str, datasets: Path) -> Iterator[Service]:
    with ExitStack() as stack:
        with descriptors(256):
            settings = {"keep_alive_timeout": str(KEPT_SECONDS)}
            started = stack.enter_context(running(source, datasets, settings=settings))
        yield started


def held(service: Service) -> int:
    """Return how many connections the worker has."""
    (worker,) = service.workers()
    port = urlsplit(service.url).port
    return sum(end.laddr.port == port and bool(end.raddr) for end in worker.net_connections("tcp"))


@pytest.mark.parametrize(
    "said",
    [b"", PREFACE, b"GET /healthz HTTP/1.1\r\nHost: loris\r\n"],
    ids=["nothing", "http-2-preface", "half-a-head"],
)
def test_a_thousand_connections_that_ask_nothing(service: Service, said: bytes) -> None:
    """Also from a start under a soft limit of 256 descriptors, which Granian raises."""
    (worker,) = service.workers()
    before = worker.memory_info().rss
    with connections(service, MANY, said):
        assert service.curl("/datasets/items.csv").status == 200
        until(lambda: held(service) <= MOST_IDLE)
        assert service.curl("/datasets/big.ndjson").body.count(b"\n") == 50_000
        assert worker.memory_info().rss - before < 128 * MIB
    until(lambda: held(service) == 0, within=60)


@pytest.mark.skipif(sys.platform != "linux", reason="needs prlimit(2)")
def test_more_connections_than_descriptors(source: str, datasets: Path) -> None:
    """They are served as others leave; the worker does not die of it."""
    with running(source, datasets) as service:
        (worker,) = service.workers()
        limit = worker.num_fds() + 50
        worker.rlimit(resource.RLIMIT_NOFILE, (limit, limit))
        with connections(service, 100):
            until(lambda: worker.num_fds() >= limit)
        until(lambda: service.curl("/datasets/items.csv").status == 200)
        assert service.workers() == [worker]


def test_a_connection_is_kept_for_as_long_as_the_setting_says(service: Service) -> None:
    with connections(service, 1, b"GET /healthz HTTP/1.1\r\nHost: idle\r\n\r\n") as (end,):
        assert end.recv(4096).endswith(b'{"status":"ok"}')
        answered = time.monotonic()
        assert end.recv(1) == b""
        assert time.monotonic() - answered > KEPT_SECONDS / 2


def test_heads_that_never_end(service: Service) -> None:
    """Slow loris: a head that is not there in time, however much of it comes, ends its connection; so does silence."""
    used = connections(service, 50, b"GET /healthz HTTP/1.1\r\nHost: idle\r\n\r\n")  # answered, and used no more
    with used, connections(service, 200, b"GET /healthz HTTP/1.1\r\nHost: loris\r\n") as opened:
        until(lambda: held(service) == 250)
        assert service.curl("/datasets/items.csv").status == 200

        def cut() -> bool:
            for end in opened:
                with suppress(OSError):
                    end.sendall(b"X-More: 1\r\n")
            return held(service) == 0

        until(cut, within=60)
    assert service.curl("/datasets/items.csv").status == 200
