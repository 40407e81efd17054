"""The service as its users meet it: the real command in a process of its own, asked by the real curl."""

import asyncio
import itertools
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, TypeVar
from urllib.request import urlopen

import asyncpg
import orjson
import psutil
from prometheus_client.parser import text_string_to_metric_families

from benchmarks.ended import still_running
from benchmarks.environment import environment

T = TypeVar("T")

COMMAND = Path(sys.executable).with_name("exporter")
"""The console script of the environment that the tests run in."""

PATIENCE = 40.0
"""Seconds that anything may take which a slow or busy machine has to do; typical is a twentieth of it."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What curl got: its own exit code, and the last response."""

    exit: int
    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def text(self) -> str:
        return self.body.decode()

    def json(self) -> Any:
        return orjson.loads(self.body)


@dataclass(frozen=True, slots=True)
class Service:
    """A running service."""

    url: str
    process: "subprocess.Popen[bytes]"
    log: Path

    def curl(self, path: str, *arguments: str) -> Answer:
        """Ask with curl; the path begins with a slash."""
        return curl(self.url + path, *arguments)

    def logged(self, text: str) -> str:
        """Return the line of the log that has this text; it may come a moment after the answer."""
        (line,) = until(lambda: [line for line in self.log.read_text().splitlines() if text in line])
        return line

    def workers(self) -> list[psutil.Process]:
        """Return the worker processes, known by their size: Python's own trackers are children too."""
        children = psutil.Process(self.process.pid).children(recursive=True)
        return [child for child in children if child.memory_info().rss > 40 * 2**20]


def curl(url: str, *arguments: str) -> Answer:
    """Ask with curl, which must not take longer than `PATIENCE`."""
    with tempfile.TemporaryDirectory() as folder:
        head, body = Path(folder, "head"), Path(folder, "body")
        command: list[str | Path] = [
            "curl",
            "-sS",
            "--max-time",
            str(PATIENCE),
            "-D",
            head,
            "-o",
            body,
            *arguments,
            url,
        ]
        done = subprocess.run(command, check=False, capture_output=True)
        blocks = head.read_bytes().decode("latin-1").split("\r\n\r\n") if head.exists() else []
        lines = blocks[-2].split("\r\n") if len(blocks) > 1 else ["HTTP/0 0"]
        headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in lines[1:])}
        content = body.read_bytes() if body.exists() else b""
        return Answer(done.returncode, int(lines[0].split()[1]), headers, content)


def until(found: Callable[[], T | Literal[False]], *, within: float = PATIENCE) -> T:
    """Ask again and again until the answer is true, and return it.

    Raises AssertionError when it does not become true in time.
    """
    deadline = time.monotonic() + within
    while not (answer := found()):
        assert time.monotonic() < deadline, f"not within {within} s"
        time.sleep(0.05)
    return answer


def _own_ports() -> Iterator[int]:
    """The ports of this worker of pytest-xdist, below those that Linux gives to connections (32768 and up)."""
    worker = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw"))
    first, offset = 20_000 + worker % 12 * 1000, os.getpid() % 1000
    return (first + (offset + number) % 1000 for number in itertools.count())


_ports = _own_ports()


def free_port() -> int:
    """Return a port that nobody listens on, and that nobody else is given before the caller listens on it."""
    for port in _ports:
        with closing(socket.socket()) as found, suppress(OSError):
            found.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            found.bind(("127.0.0.1", port))
            return port
    raise AssertionError("unreachable: the ports are counted without end")


@contextmanager
def running(
    database_url: str,
    datasets: Path,
    *arguments: str,
    settings: Mapping[str, str] = {},
    scheme: str = "http",
    stderr: int | None = None,
) -> Iterator[Service]:
    """Run `exporter serve` until the block ends; it must then leave no process behind.

    What it says is in a file, unless there is a descriptor for it.
    """
    port = free_port()
    command: list[str | Path] = [
        COMMAND,
        "serve",
        "--database-url",
        database_url,
        "--datasets",
        datasets,
        "--port",
        str(port),
    ]
    with tempfile.TemporaryDirectory() as folder:
        log = Path(folder, "log")
        with log.open("wb") as stream:
            told = stream if stderr is None else stderr
            process = subprocess.Popen([*command, *arguments], stdout=stream, stderr=told, env=environment(settings))
        with process:
            try:
                service = Service(f"{scheme}://127.0.0.1:{port}", process, log)
                until(lambda: answers(service))
                yield service
            finally:
                left = stopped(process)
        assert not left, f"left running: {left}"


def answers(service: Service) -> bool:
    assert service.process.poll() is None, service.log.read_text()
    try:
        with urlopen(f"{service.url}/healthz", timeout=5) as response:
            return bool(response.status == 200)
    except OSError:
        return False


def stopped(process: "subprocess.Popen[Any]") -> Sequence[psutil.Process]:
    """Stop a service by SIGTERM and return the processes that it left behind, which are then killed."""
    children = psutil.Process(process.pid).children(recursive=True) if process.poll() is None else []
    process.send_signal(signal.SIGTERM)
    try:
        process.wait(PATIENCE)
    except subprocess.TimeoutExpired:
        process.kill()
        children.append(psutil.Process(process.pid))
    left = still_running(children, PATIENCE)
    for child in left:
        child.kill()
    return left


def fetch(database_url: str, sql: str, *arguments: object) -> list[asyncpg.Record]:
    """Ask the database over a connection of its own."""

    async def ask() -> list[asyncpg.Record]:
        connection = await asyncpg.connect(database_url)
        try:
            rows: list[asyncpg.Record] = await connection.fetch(sql, *arguments)
            return rows
        finally:
            await connection.close()

    return asyncio.run(ask())


def statements(database_url: str, dataset: str) -> list[int]:
    """Return the backends that run an export of a dataset at the moment."""
    sql = """
        SELECT pid FROM pg_stat_activity
        WHERE datname = current_database() AND application_name LIKE 'exporter %' AND state <> 'idle'
            AND right(application_name, length($1) + 1) = ' ' || $1
    """
    return [row["pid"] for row in fetch(database_url, sql, dataset)]


def stands_still(database_url: str) -> None:
    """Wait until the database copies nothing more, since nobody reads it."""
    copied: list[int] = []

    def still() -> bool:
        sql = """
            SELECT coalesce(sum(bytes_processed), 0)::int8 FROM pg_stat_progress_copy
            WHERE datname = current_database()
        """
        copied.append(fetch(database_url, sql)[0][0])
        return len(copied) >= 20 and len(set(copied[-20:])) == 1

    until(still)


def tls_options(certificates: Path) -> list[str]:
    return ["--tls-certificate", str(certificates / "certificate.pem"), "--tls-key", str(certificates / "key.pem")]


def samples(service: Service) -> dict[tuple[str, ...], float]:
    """Every sample, by its name and the values of its labels."""
    answer = until(lambda: (got := service.curl("/metrics")).status == 200 and got)
    return {
        (sample.name, *sample.labels.values()): sample.value
        for family in text_string_to_metric_families(answer.text)
        for sample in family.samples
    }
