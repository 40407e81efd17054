"""Granian, set up so that exports stay whole and memory stays flat."""

import multiprocessing
import os
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, NamedTuple

from granian.constants import Interfaces, Loops, SSLProtocols
from granian.http import HTTP1Settings, HTTP2Settings
from granian.log import LogLevels

from exporter.limits.idle import MOST_IDLE
from exporter.process.published import Published
from exporter.process.reloading import Reloading, on_hangup
from exporter.process.starting import end_in_order
from exporter.process.tls import Certificate, Tls
from exporter.process.workers import Workers
from exporter.settings.settings import Settings
from exporter.telemetry.logs import configuration
from queries.catalog import Catalog

if TYPE_CHECKING:
    from exporter.http.asgi import AsgiAdapter

_CONNECTIONS = 2 * MOST_IDLE
"""The most that a worker has at once, whatever runs on them; more wait to be taken."""

_HTTP1_BYTES = 417_792
"""The most that a connection buffers of a request's head, answering 431 to a longer one, and of an answer: Granian's
own value, with which the memory of stalled readers was measured."""

_HTTP2_STREAMS = 100
"""The most requests that run on a connection at once: as few as RFC 9113 (section 6.5.2) advises."""

_HTTP2_SEND_BYTES = 1 << 16
"""The most that is buffered of an answer for a connection that is not read."""

_HTTP2_HEADER_BYTES = 1 << 17
"""The most bytes of a request's headers, its path included."""


def check_address(host: str, port: int) -> None:
    """Make sure that nobody listens there: Granian would share the port, and two services answer in turn.

    Raises:
        OSError: the address cannot be listened on.
    """
    socket.create_server((host, port), family=socket.AF_INET6 if ":" in host else socket.AF_INET).close()


@contextmanager
def _shared_folder() -> Iterator[Path]:
    """Yield a folder of this service's own, where its processes keep what all of them read."""
    # Metrics are written through shared memory: in a full file system that is SIGBUS, so not on a disk if we can.
    memory = "/dev/shm"  # noqa: S108 - a private folder within
    with TemporaryDirectory(prefix="exporter-", dir=memory if os.access(memory, os.W_OK) else None) as folder:
        yield Path(folder)


class Listening(NamedTuple):
    """Where to listen, and with how many worker processes."""

    host: str
    port: int
    workers: int
    tls: Tls | None = None


def run(
    listening: Listening,
    settings: Settings,
    catalog: Catalog,
    read: Callable[[], Catalog],
    application: Callable[[Published], "AsgiAdapter"],
) -> None:
    """Serve until SIGINT or SIGTERM; each worker reads its settings from the environment.

    `read` reads the catalogue again, `application` makes what a worker serves, in its own process.

    The workers serve the catalogue that is given, and with the certificate as it is now, whatever becomes of the files,
    until SIGHUP has them read again.

    A worker that was told to stop sends the exports it has begun for up to `settings.shutdown_timeout` seconds, and is
    killed then, which leaves their bodies without an end.
    """
    end_in_order()
    with _shared_folder() as folder:
        published = Published(folder / "datasets.json", catalog)
        metrics = folder / "metrics"
        metrics.mkdir(0o700)
        os.environ["PROMETHEUS_MULTIPROC_DIR"] = str(metrics)
        workers = _workers(listening, settings, Certificate(listening.tls, folder) if listening.tls else None)
        on_hangup(Reloading(read, catalog, published).reload, workers.renew)
        workers.serve(target_loader=partial(application, published), wrap_loader=False)


def _workers(listening: Listening, settings: Settings, certificate: Certificate | None = None) -> Workers:
    multiprocessing.set_start_method("spawn", force=True)
    return Workers(
        "exporter.app:create",
        address=listening.host,
        port=listening.port,
        workers=listening.workers,
        # RSGI has no flow control and ends failed bodies cleanly: docs/decisions/asgi-under-velithon.md.
        interface=Interfaces.ASGI,
        loop=Loops.uvloop,
        websockets=False,
        backpressure=_CONNECTIONS,
        url_path_prefix=settings.root_path or None,
        http1_settings=HTTP1Settings(
            # It runs from the end of one request to the end of the next one's head: docs/decisions/idle-connections.md.
            header_read_timeout=round(settings.keep_alive_timeout * 1000),
            max_buffer_size=_HTTP1_BYTES,
        ),
        http2_settings=HTTP2Settings(
            max_concurrent_streams=_HTTP2_STREAMS,
            max_send_buffer_size=_HTTP2_SEND_BYTES,
            max_headers_size=_HTTP2_HEADER_BYTES,
        ),
        certificate=certificate,
        # Granian wants 1.3, which drivers of some spreadsheets do not speak.
        ssl_protocol_min=SSLProtocols.tls12,
        respawn_failed_workers=True,
        workers_kill_timeout=settings.shutdown_timeout,
        log_level=LogLevels(settings.log_level.lower()),
        log_dictconfig=configuration(settings.log_level, settings.log_format),
    )
