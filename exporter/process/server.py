"""Granian, configured so that exports stay complete and memory stays flat."""

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
"""The most connections of a worker, idle or not; further ones wait to be accepted."""

_HTTP1_BYTES = 417_792
"""The most that a connection buffers of a request head, whose excess gets 431, and of a response: Granian's default,
with which the memory of stalled readers was measured."""

_HTTP2_STREAMS = 100
"""The most concurrent requests on a connection: the minimum that RFC 9113 (section 6.5.2) recommends."""

_HTTP2_SEND_BYTES = 1 << 16
"""The most that is buffered of a response for a connection that is not read."""

_HTTP2_HEADER_BYTES = 1 << 17
"""The most bytes of a request's headers, including its path."""


def check_address(host: str, port: int) -> None:
    """Check that nothing else listens there: Granian would share the port, and two services would answer in turn.

    Raises:
        OSError: the service cannot listen on the address.
    """
    socket.create_server((host, port), family=socket.AF_INET6 if ":" in host else socket.AF_INET).close()


@contextmanager
def _shared_folder() -> Iterator[Path]:
    """Yield a private folder, where the service's processes keep what all of them read."""
    # Metrics are memory-mapped files, which cause SIGBUS on a full file system, so prefer memory to a disk.
    memory = "/dev/shm"  # noqa: S108 - a private folder in it
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

    `read` reads the catalog again. `application` creates the application of a worker, in its own process.

    The workers serve this catalog and the certificate as it is now, even if the files change, until SIGHUP reloads
    them.

    A worker that is told to stop continues its running exports for up to `settings.shutdown_timeout` seconds. Then it
    is killed, which leaves the bodies visibly incomplete.
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
        # RSGI has no flow control and ends failed bodies normally: docs/decisions/asgi-under-velithon.md.
        interface=Interfaces.ASGI,
        loop=Loops.uvloop,
        websockets=False,
        backpressure=_CONNECTIONS,
        url_path_prefix=settings.root_path or None,
        http1_settings=HTTP1Settings(
            # From the end of one request to the end of the next one's head: docs/decisions/idle-connections.md.
            header_read_timeout=round(settings.keep_alive_timeout * 1000),
            max_buffer_size=_HTTP1_BYTES,
        ),
        http2_settings=HTTP2Settings(
            max_concurrent_streams=_HTTP2_STREAMS,
            max_send_buffer_size=_HTTP2_SEND_BYTES,
            max_headers_size=_HTTP2_HEADER_BYTES,
        ),
        certificate=certificate,
        # Granian's default is 1.3, which the drivers of some spreadsheets do not support.
        ssl_protocol_min=SSLProtocols.tls12,
        respawn_failed_workers=True,
        workers_kill_timeout=settings.shutdown_timeout,
        log_level=LogLevels(settings.log_level.lower()),
        log_dictconfig=configuration(settings.log_level, settings.log_format),
    )
