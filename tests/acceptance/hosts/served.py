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
    "uvicorn": ["uvicorn", "--factory", "--host", "127.0.0.1", "--port"],
    "granian": ["granian", "--interface", "asgi", "--loop", "uvloop", "--factory", "--host", "127.0.0.1", "--port"],
}


@contextmanager
def served(
    application: str, database_url: str, *arguments: str, server: str = "uvicorn", settings: Mapping[str, str] = {}
) -> Iterator[Service]:
    """Serve an application, `module:factory`, until the block ends; it must then leave no process behind."""
    port = free_port()
    command = [sys.executable, "-m", *SERVERS[server], str(port), *arguments, application]
    environment = {**os.environ, "HOST_DATABASE": database_url, **settings}
    with tempfile.TemporaryDirectory() as folder:
        log = Path(folder, "log")
        with log.open("wb") as stream:
            process = subprocess.Popen(command, stdout=stream, stderr=stream, env=environment)
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
