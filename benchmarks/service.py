"""The real service, in processes of its own."""

import http.client
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

import psutil

_DATASETS = Path(__file__).with_name("datasets")
_HOST = "127.0.0.1"
_START_SECONDS = 60.0
_STOP_SECONDS = 20.0


@dataclass(frozen=True, slots=True)
class Service:
    """A running service with one worker."""

    port: int
    process: psutil.Process

    @property
    def url(self) -> str:
        """The address, without a slash at its end."""
        return f"http://{_HOST}:{self.port}"

    @property
    def worker(self) -> psutil.Process:
        """The worker; Python's own trackers of resources, which are children too, are much smaller."""
        return max(self.process.children(recursive=True), key=lambda child: child.memory_info().rss)

    def connect(self) -> socket.socket:
        """Open a connection."""
        return socket.create_connection((_HOST, self.port))

    @contextmanager
    def asked(self, path: str) -> Iterator[http.client.HTTPResponse]:
        """Ask over a connection of its own; yield the response, whose body is to be read.

        Raises RuntimeError when it is not 200.
        """
        with closing(http.client.HTTPConnection(_HOST, self.port)) as connection:
            connection.request("GET", path)
            with connection.getresponse() as response:
                if response.status != http.HTTPStatus.OK:
                    raise RuntimeError(f"{path}: {response.status} {response.read().decode()}")
                yield response


@contextmanager
def running(database_url: str, **settings: object) -> Iterator[Service]:
    """Run `exporter serve` with the benchmark's datasets, and the service's settings given, until the block ends."""
    with closing(socket.socket()) as probe:
        probe.bind((_HOST, 0))
        port = probe.getsockname()[1]
    environment = {name: value for name, value in os.environ.items() if not name.startswith("EXPORTER_")}
    environment |= {f"EXPORTER_{name.upper()}": str(value) for name, value in settings.items()}
    environment |= {"EXPORTER_DATABASE_URL": database_url, "EXPORTER_DATASETS": str(_DATASETS)}
    program = Path(sys.executable).with_name("exporter")
    with tempfile.TemporaryFile() as log:
        process = subprocess.Popen([program, "serve", "--port", str(port)], stdout=log, stderr=log, env=environment)
        service = Service(port, psutil.Process(process.pid))
        try:
            if not _ready(service, process):
                log.seek(0)
                raise RuntimeError(f"the service did not start:\n{log.read().decode(errors='replace')}")
            yield service
        finally:
            _stop(process)


def _ready(service: Service, process: "subprocess.Popen[bytes]") -> bool:
    deadline = time.monotonic() + _START_SECONDS
    while process.poll() is None and time.monotonic() < deadline:
        try:
            with service.asked("/healthz"):
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
    for child in psutil.wait_procs(children, 2)[1]:
        child.kill()
