"""Granian, set up so that exports stay whole and memory stays flat."""

import multiprocessing
import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from tempfile import TemporaryDirectory

from granian import Granian
from granian.constants import Interfaces, Loops
from granian.log import LogLevels

from exporter.logs import LogFormat, configuration

_DRAIN_SECONDS = 60
"""How long a worker that was told to stop may go on sending the exports it has begun."""


def check_address(host: str, port: int) -> None:
    """Make sure that nobody listens there: Granian would share the port, and two services answer in turn.

    Raises:
        OSError: the address cannot be listened on.
    """
    socket.create_server((host, port), family=socket.AF_INET6 if ":" in host else socket.AF_INET).close()


@contextmanager
def _metrics_folder() -> Iterator[None]:
    """Give the workers a folder of their own to keep their metrics in, where each can read those of all."""
    # Written through shared memory: in a file system that is full that would be SIGBUS, so not on a disk if we can.
    memory = "/dev/shm"  # noqa: S108 - a private folder within
    with TemporaryDirectory(prefix="exporter-metrics-", dir=memory if os.access(memory, os.W_OK) else None) as folder:
        os.environ["PROMETHEUS_MULTIPROC_DIR"] = folder
        yield


@_metrics_folder()
def run(host: str, port: int, workers: int, log_level: str, log_format: LogFormat) -> None:
    """Serve until SIGINT or SIGTERM; each worker reads its settings from the environment."""
    multiprocessing.set_start_method("spawn", force=True)
    Granian(
        "exporter.app:create",
        address=host,
        port=port,
        workers=workers,
        factory=True,
        # RSGI has no flow control and ends failed bodies cleanly: docs/decisions/asgi-under-velithon.md.
        interface=Interfaces.ASGI,
        loop=Loops.uvloop,
        websockets=False,
        respawn_failed_workers=True,
        workers_kill_timeout=_DRAIN_SECONDS,
        log_level=LogLevels(log_level.lower()),
        log_dictconfig=configuration(log_level, log_format),
    ).serve()
