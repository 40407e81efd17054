"""A host application in a process of its own, under a real server."""

import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from urllib.error import HTTPError
from urllib.request import urlopen

from tests.acceptance.service import Service, free_port, stopped, until

SERVERS = {
    "uvicorn": ["uvicorn", "--host", "127.0.0.1", "--port", "{port}"],
    "granian": ["granian", "--interface", "asgi", "--loop", "uvloop", "--host", "127.0.0.1", "--port", "{port}"],
    "hypercorn": ["hypercorn", "--bind", "127.0.0.1:{port}"],
}


@contextmanager
def served(
    application: str,
    database_url: str,
    *arguments: str,
    server: str = "uvicorn",
    settings: Mapping[str, str] = {},
    folder: Path | None = None,
) -> Iterator[Service]:
    """Serve an application, `module:name`, until the block ends; it must then leave no process behind."""
    port = free_port()
    command = [sys.executable, "-m", *(part.format(port=port) for part in SERVERS[server]), *arguments, application]
    environment = {**os.environ, "HOST_DATABASE": database_url, **settings}
    with tempfile.TemporaryDirectory() as logs:
        log = Path(logs, "log")
        with log.open("wb") as stream:
            process = subprocess.Popen(command, stdout=stream, stderr=stream, env=environment, cwd=folder)
        with process:
            try:
                service = Service(f"http://127.0.0.1:{port}", process, log)
                until(lambda: _answers(service))
                yield service
            finally:
                left = stopped(process)
        assert not left, f"left running: {left}"


def _answers(service: Service) -> bool:
    assert service.process.poll() is None, service.log.read_text()
    try:
        urlopen(service.url, timeout=5).close()
    except HTTPError:  # any answer will do
        return True
    except OSError:
        return False
    return True
