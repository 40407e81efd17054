"""An exporter within a host application: every server, every stack of middleware, a real socket, the real curl."""

import asyncio
import logging
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from functools import cache
from pathlib import Path
from urllib.parse import urlsplit

import aiohttp
import httpx
import psutil
import pytest
import requests

from exporter import Exporter
from tests.acceptance.hosts.datasets import DATASETS, LARGE_BYTES
from tests.acceptance.hosts.servers import COMMANDS, Host, options, serving, starting
from tests.acceptance.http2 import http2
from tests.acceptance.service import PATIENCE, statements, until

VERSIONS = {
    "uvicorn-h11": ["1.1"],
    "uvicorn-httptools": ["1.1"],
    "hypercorn": ["1.1", "2"],
    "daphne": ["1.1"],
    "granian": ["1.1", "2"],
}
WITH_VERSION = [(server, version) for server, versions in VERSIONS.items() for version in versions]
STACKS = ["none", "base", "base-twice", "base-around-gzip", "gzip-around-base"]
HIDING = [*STACKS[1:], "base-beneath-pure", "pure-beneath-base"]

CUT = {"1.1": (18, 56), "2": (92,)}
"""What curl exits with when a body is cut; over HTTP/2 the stream must be reset, or it waits for its connection."""

LEAVES_WITHIN = 30.0
"""Seconds; typical are 0.05."""

log = logging.getLogger(__name__)


@pytest.fixture(scope="module")
def hosts(database_url: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[str], Host]]:
    """Gives the host application under a server, which is started once."""
    with ExitStack() as stack:

        @cache
        def started(server: str) -> Host:
            return stack.enter_context(serving(server, database_url, tmp_path_factory.mktemp(server) / "log"))

        yield started


@pytest.fixture
def host(request: pytest.FixtureRequest, hosts: Callable[[str], Host]) -> Host:
    return hosts(request.param)


@pytest.fixture(scope="module")
def document(database_url: str) -> bytes:
    """The engine's own bytes."""

    async def exported() -> bytes:
        async with Exporter(database_url, DATASETS) as exporter, exporter.run("numbers", "csv") as run:
            return b"".join([chunk async for chunk in run.chunks()])

    return asyncio.run(exported())


each_server = pytest.mark.parametrize("host", COMMANDS, indirect=True)
each_version = pytest.mark.parametrize(("host", "version"), WITH_VERSION, indirect=["host"])


@pytest.mark.parametrize("stack", STACKS)
@each_version
def test_whole_body_ends_well(host: Host, version: str, stack: str, document: bytes) -> None:
    answer = host.curl(f"/{stack}/exports/datasets/numbers.csv", "--compressed", *options(version))
    assert (answer.exit, answer.status) == (0, 200)
    assert answer.body == document
    assert ("content-encoding" in answer.headers) == ("gzip" in stack)


@pytest.mark.parametrize("stack", STACKS)
@each_version
def test_failure_in_mid_body_is_visible(host: Host, version: str, stack: str) -> None:
    answer = host.curl(f"/{stack}/exports/datasets/failing.csv", "--compressed", *options(version))
    assert answer.status == 200
    assert answer.exit in CUT[version]


@pytest.mark.parametrize("host", ["hypercorn", "granian"], indirect=True)
def test_failure_ends_its_own_stream_only(host: Host, document: bytes) -> None:
    with http2(host.url, window=2**30) as client:
        streams = [client.ask(f"/base/exports/datasets/{name}.csv") for name in ("failing", "numbers") * 2]
        client.until(lambda: len(client.reset | client.ended) == len(streams))
        assert client.reset == {streams[0], streams[2]}
        assert [client.bodies[stream] for stream in streams[1::2]] == [document, document]
        after = client.ask("/base/exports/datasets/numbers.csv")
        client.until(lambda: after in client.ended)


@pytest.mark.parametrize("stack", ["none", "pure"])
@each_version
def test_without_a_guard_failure_is_visible_too(host: Host, version: str, stack: str) -> None:
    whole = host.curl(f"/bare/{stack}/exports/datasets/numbers.csv", *options(version))
    assert (whole.exit, whole.status) == (0, 200)
    failed = host.curl(f"/bare/{stack}/exports/datasets/failing.csv", *options(version))
    assert failed.status == 200
    assert failed.exit in CUT[version]


@pytest.mark.parametrize("stack", HIDING)
@each_version
def test_without_a_guard_exports_are_refused_where_a_middleware_would_hide_their_failure(
    host: Host, version: str, stack: str
) -> None:
    answer = host.curl(f"/bare/{stack}/exports/datasets/failing.csv", *options(version))
    assert (answer.exit, answer.status) == (0, 500)
    assert answer.json()["type"].endswith("internal-error")
    assert "serve exporter.guard(application)" in host.log.read_text()
    assert host.curl(f"/bare/{stack}/exports/datasets", *options(version)).status == 200


@each_server
def test_server_is_named_once(host: Host) -> None:
    for path in ("/none/exports/datasets", "/none/exports/datasets/numbers.csv"):
        lines = subprocess.run(["curl", "-sSI", host.url + path], check=True, capture_output=True, text=True).stdout
        assert "velithon" not in lines.lower()
        assert lines.lower().count("\nserver:") <= 1


@pytest.mark.parametrize("host", ["uvicorn-httptools"], indirect=True)
@pytest.mark.parametrize(
    ("name", "coding"),
    [
        ("numbers.parquet", "identity"),
        ("numbers.csv?_compression=zstd", "identity"),
        ("numbers.csv", "gzip"),
        ("numbers.arrows", "gzip"),
    ],
)
def test_host_compresses_only_what_is_not_compressed(host: Host, name: str, coding: str) -> None:
    path = f"/gzip-around-base/exports/datasets/{name}"
    plain = host.curl(path)
    answer = host.curl(path, "--compressed", "-H", "Accept-Encoding: gzip")
    assert (answer.exit, answer.headers["content-encoding"]) == (0, coding)
    assert answer.body[:4] == plain.body[:4]
    clients = [httpx.get(host.url + path).content, requests.get(host.url + path, timeout=PATIENCE).content]
    clients.append(asyncio.run(_asked_with_aiohttp(host.url + path)))
    assert [body[:4] for body in clients] == [plain.body[:4]] * 3


async def _asked_with_aiohttp(url: str) -> bytes:
    async with aiohttp.ClientSession() as session, session.get(url) as response:
        return await response.read()


@each_version
def test_middleware_that_swallows_failures_is_not_believed(host: Host, version: str) -> None:
    guarded = host.curl("/swallowing/exports/datasets/failing.csv", *options(version))
    assert guarded.exit in CUT[version]
    bare = host.curl("/bare/swallowing/exports/datasets/failing.csv", *options(version))
    # Granian's `send` leads nowhere: docs/embedding-servers.md says so.
    assert bare.exit in ([0] if "granian" in str(host.process.args) else CUT[version])


def _settled(worker: psutil.Process) -> int:
    """The memory of a worker once it has stopped growing and working."""
    seen = [-1]

    def still() -> bool:
        seen.append(worker.memory_info().rss)
        return worker.cpu_percent(0.3) < 10 and abs(seen[-1] - seen[-2]) < 2**20

    until(still)
    return seen[-1]


@contextmanager
def _reading(host: Host, path: str, version: str) -> Iterator["subprocess.Popen[bytes]"]:
    """Have curl ask, and leave what it gets in its pipe."""
    command = ["curl", "-sS", *options(version), host.url + path]
    with subprocess.Popen(command, stdout=subprocess.PIPE, bufsize=0) as curl:
        try:
            assert curl.stdout
            assert curl.stdout.read(1)
            yield curl
        finally:
            curl.kill()


@each_version
def test_stalled_reader_bounds_the_memory_and_a_client_that_leaves_ends_the_statement(
    host: Host, version: str, database_url: str
) -> None:
    worker = host.worker()
    before = _settled(worker)
    with _reading(host, "/base/exports/datasets/large.csv", version) as curl:
        held = _settled(worker) - before
        assert statements(database_url, "large"), "all of it was taken from the database: the reader was not stalled"
        assert held < LARGE_BYTES / 10
        curl.kill()
        left = time.monotonic()
        until(lambda: not statements(database_url, "large"), within=LEAVES_WITHIN)
    log.info("%.1f MiB held; the statement was gone after %.2f s", held / 2**20, time.monotonic() - left)


@pytest.mark.parametrize("host", ["hypercorn", "granian"], indirect=True)
def test_stream_that_is_not_read_bounds_the_memory(host: Host, database_url: str) -> None:
    """The connection is read meanwhile."""
    worker = host.worker()
    before = _settled(worker)
    with http2(host.url, window=200_000) as client:
        stream = client.ask("/base/exports/datasets/large.csv")
        client.until(lambda: len(client.bodies[stream]) == 200_000)
        assert _settled(worker) - before < LARGE_BYTES / 10
        assert statements(database_url, "large"), "all of it was taken from the database"
        client.leave(stream)
        until(lambda: not statements(database_url, "large"), within=LEAVES_WITHIN)


@pytest.mark.parametrize("server", ["uvicorn-httptools", "hypercorn", "daphne"])  # Granian's sockets are its own
def test_client_that_reads_nothing_for_too_long_is_disconnected(server: str, database_url: str, tmp_path: Path) -> None:
    """A middleware may wait for it, and the server for its buffer to be taken."""
    with serving(server, database_url, tmp_path / "log", HOST_STALL_TIMEOUT="2") as host:

        def connections() -> list[str]:
            return [found.status for found in host.worker().net_connections("tcp") if found.status == "ESTABLISHED"]

        until(lambda: not connections())
        with _reading(host, "/base/exports/datasets/large.csv", "1.1"):
            until(lambda: not statements(database_url, "large"))
            until(lambda: not connections())


@each_server
def test_links_lead_below_the_prefix(host: Host) -> None:
    moved = host.curl("/none/exports")
    assert moved.status in (307, 308)
    assert urlsplit(moved.headers["location"]).path == "/none/exports/"
    document = host.curl("/none/exports/openapi.json").json()
    assert document["servers"] == [{"url": "/none/exports"}]
    assert host.curl("/none/exports/").status == 200
    (first, *_) = host.curl("/none/exports/datasets").json()["datasets"]
    assert host.curl(f"/none/exports/{first['formats']['csv']['path']}?_limit=1").status == 200


def test_event_loop_that_asyncpg_does_not_work_on_is_refused_at_the_start(database_url: str, tmp_path: Path) -> None:
    pytest.importorskip("rloop")
    log = tmp_path / "log"
    process, _ = starting("granian", database_url, log, loop="auto")
    try:
        until(lambda: "start it with `--loop uvloop`" in log.read_text())
        assert process.wait(PATIENCE) != 0
    finally:
        for one in [*psutil.Process(process.pid).children(recursive=True), process] if process.poll() is None else ():
            one.kill()
        process.wait()
