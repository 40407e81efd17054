"""The web servers that run a host application, each in one process."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psutil

from tests.acceptance.service import PATIENCE, Answer, curl, free_port, until

APPLICATION = "tests.acceptance.hosts.stacks:application"

COMMANDS: dict[str, list[str]] = {
    "uvicorn-h11": ["-m", "uvicorn", APPLICATION, "--http", "h11", "--port", "{port}"],
    "uvicorn-httptools": ["-m", "uvicorn", APPLICATION, "--http", "httptools", "--port", "{port}"],
    "hypercorn": ["-m", "hypercorn", APPLICATION, "--bind", "127.0.0.1:{port}"],
    "daphne": ["-m", "daphne", "--bind", "127.0.0.1", "--port", "{port}", APPLICATION],
    "granian": [
        *("-m", "granian", "--interface", "asgi", "--loop", "{loop}", "--host", "127.0.0.1", "--port", "{port}"),
        APPLICATION,
    ],
}


@dataclass(frozen=True, slots=True)
class Host:
    """A running host application."""

    url: str
    process: "subprocess.Popen[bytes]"
    log: Path

    def curl(self, path: str, *arguments: str) -> Answer:
        return curl(self.url + path, *arguments)

    def worker(self) -> psutil.Process:
        """The process that serves: the largest."""
        parent = psutil.Process(self.process.pid)
        return max([parent, *parent.children(recursive=True)], key=lambda process: process.memory_info().rss)


def starting(
    server: str, dsn: str, log: Path, loop: str = "uvloop", **settings: str
) -> "tuple[subprocess.Popen[bytes], str]":
    """Start a server, and return its process and its URL at once."""
    port = free_port()
    command = [sys.executable, *(part.format(port=port, loop=loop) for part in COMMANDS[server])]
    with log.open("wb") as output:
        process = subprocess.Popen(
            command, env={**os.environ, "HOST_DATABASE": dsn, **settings}, stdout=output, stderr=output
        )
    return process, f"http://127.0.0.1:{port}"


@contextmanager
def serving(server: str, dsn: str, log: Path, **settings: str) -> Iterator[Host]:
    """Run a host application under a server."""
    process, url = starting(server, dsn, log, **settings)
    host = Host(url, process, log)

    def answers() -> bool:
        assert process.poll() is None, log.read_text()
        return host.curl("/ping").status == 200

    try:
        until(answers)
        yield host
    finally:
        process.send_signal(signal.SIGINT)
        try:
            process.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            process.kill()
            raise


def options(version: str) -> Sequence[str]:
    """What tells curl to speak a version of HTTP at once."""
    return ["--http2-prior-knowledge"] if version == "2" else ["--http1.1"]
