"""The real service, and the one that people write by hand, in processes of their own."""

import http.client
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

import psutil

from benchmarks.ended import still_running
from benchmarks.environment import environment
from benchmarks.high_water import high_water
from benchmarks.measure import ROOT, Failed

_DATASETS = Path(__file__).with_name("datasets")
_HOST = "127.0.0.1"
_START_SECONDS = 60.0
_STOP_SECONDS = 20.0


@dataclass(frozen=True, slots=True)
class Service:
    """A running service."""

    port: int
    process: psutil.Process

    @property
    def url(self) -> str:
        """The address, without a slash at its end."""
        return f"http://{_HOST}:{self.port}"

    @property
    def worker(self) -> psutil.Process:
        """The worker; Python's own trackers of resources, which are children too, are much smaller."""
        return max(self._processes(), key=lambda one: one.memory_info().rss)

    @property
    def high_water(self) -> int | None:
        """The most memory (RSS) that its largest process ever had, in bytes."""
        return max((peak for one in self._processes() if (peak := high_water(one.pid))), default=None)

    def _processes(self) -> list[psutil.Process]:
        return self.process.children(recursive=True) or [self.process]

    def client(self) -> http.client.HTTPConnection:
        """Return a client with a connection of its own, opened by the first request."""
        return http.client.HTTPConnection(_HOST, self.port)

    def connect(self) -> socket.socket:
        """Open a connection."""
        return socket.create_connection((_HOST, self.port))

    @contextmanager
    def asked(self, path: str) -> Iterator[http.client.HTTPResponse]:
        """Ask over a connection of its own; yield the response, whose body is to be read.

        Raises Failed when it is not 200.
        """
        with closing(self.client()) as connection:
            connection.request("GET", path)
            with connection.getresponse() as response:
                if response.status != http.HTTPStatus.OK:
                    raise Failed(f"{path}: {response.status} {response.read().decode()}")
                yield response


@contextmanager
def running(database_url: str, workers: int = 1, stderr: int | None = None, **settings: object) -> Iterator[Service]:
    """Run `exporter serve` with the benchmark's datasets, and the service's settings given, until the block ends.

    What it tells goes to the descriptor `stderr`, or is thrown away.
    """
    settings = {"database_url": database_url, "datasets": _DATASETS} | settings
    program = Path(sys.executable).with_name("exporter")
    with _listening(
        [program, "serve", "--workers", str(workers)], environment(settings), "/healthz", stderr
    ) as service:
        yield service


@contextmanager
def by_hand(database_url: str) -> Iterator[Service]:
    """Run the service that people write by hand (`benchmarks.peers.by_hand`) until the block ends."""
    command = [sys.executable, "-m", "uvicorn", "benchmarks.peers.by_hand:app", "--log-level", "warning"]
    with _listening(command, os.environ | {"DATABASE_URL": database_url}, "/ready") as service:
        yield service


@contextmanager
def _listening(
    command: Sequence[str | Path], variables: Mapping[str, str], ready: str, stderr: int | None = None
) -> Iterator[Service]:
    """Run a server on a free port, and stop it when the block ends.

    Raises Failed when it does not start.
    """
    with closing(socket.socket()) as probe:
        probe.bind((_HOST, 0))
        port = probe.getsockname()[1]
    with tempfile.TemporaryFile() as log:
        told = log if stderr is None else stderr
        process = subprocess.Popen([*command, "--port", str(port)], stdout=log, stderr=told, env=variables, cwd=ROOT)
        service = Service(port, psutil.Process(process.pid))
        try:
            if not _ready(service, process, ready):
                log.seek(0)
                raise Failed(f"{command[0]} did not start:\n{log.read().decode(errors='replace')}")
            yield service
        finally:
            _stop(process)


def _ready(service: Service, process: "subprocess.Popen[bytes]", path: str) -> bool:
    deadline = time.monotonic() + _START_SECONDS
    while process.poll() is None and time.monotonic() < deadline:
        try:
            with service.asked(path):
                return True
        except (OSError, http.client.HTTPException):
            time.sleep(0.05)
    return False


def _stop(process: "subprocess.Popen[bytes]") -> None:
    children = psutil.Process(process.pid).children(recursive=True) if process.poll() is None else []
    process.send_signal(signal.SIGTERM)
    try:
        process.wait(_STOP_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
    for child in still_running(children, 2):
        child.kill()
