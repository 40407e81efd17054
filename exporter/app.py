"""The composition: builds the ASGI application from settings, catalog, formats, database and web layer."""

import exporter.process.allocator  # noqa: F401 - before pyarrow

# isort: split
import asyncio
import gc
from collections.abc import Coroutine, Iterator
from concurrent.futures import ThreadPoolExecutor

from velithon import Velithon

from exporter.access.access import Access
from exporter.exports.engine import Engine
from exporter.http.asgi import AsgiAdapter
from exporter.http.cors import Cors
from exporter.http.endpoint import Endpoint, nothing_here
from exporter.limits.displacement import Displacement
from exporter.limits.idle import Idle
from exporter.limits.limits import Limits, limits
from exporter.limits.user_timeout import set_on_listeners
from exporter.process import memory
from exporter.process.parent import end_with_parent
from exporter.process.published import Published
from exporter.settings.engine import database
from exporter.settings.settings import Settings
from exporter.telemetry import failing, stderr
from exporter.telemetry.audit import AuditLog
from exporter.telemetry.masking import option_names
from exporter.telemetry.metrics import Metrics
from exporter.telemetry.telemetry import Telemetry
from exporter.web.buffered import BufferedResponses
from exporter.web.catalog import load
from exporter.web.downloads import DownloadOptions
from exporter.web.readiness import Readiness
from exporter.web.routes import routes
from exporter.web.service import Service
from formats import registry
from queries.base_pool import BasePool


def create(settings: Settings | None = None, published: Published | None = None, *, alone: bool = False) -> AsgiAdapter:
    """Return the ASGI application of one worker; without a published catalog it reads the folder itself, once.

    `alone` says that the process serves nothing else, so that all of its connections can be limited.

    Raises:
        ValidationError: a setting is missing or invalid.
        CatalogError: a dataset is invalid; every fault is listed.
        PluginError: an installed format cannot be used.
    """
    settings = settings or Settings()
    memory.give_back_soon()
    end_with_parent(settings.shutdown_timeout)
    return Worker(settings, published, alone=alone).application()


class Worker:
    """The parts of one worker, from its start to its end."""

    def __init__(self, settings: Settings, published: Published | None, *, alone: bool) -> None:
        """Build the parts. See `create`."""
        self._settings = settings
        self._published = published
        self._alone = alone
        self._running: list[asyncio.Task[None]] = []
        self._idle = Idle()
        self._limits = limits(settings)
        self._threads = ThreadPoolExecutor(settings.threads, thread_name_prefix="export")
        source = database(settings)
        self._pool = source.pool
        formats = registry.load()
        self._audit = AuditLog(settings.audit_log, option_names(formats.values(), DownloadOptions))
        self._telemetry = Telemetry(_watching(self._pool, self._limits, self._audit), self._audit)
        access = Access(settings, origins=settings.cors_origins, formats=formats)
        self._ready = Readiness(self._pool, {"credentials": access.problems, "audit log": self._audit.problems})
        self._service = Service(
            catalog=published.catalog() if published else load(settings.datasets, formats),
            formats=formats,
            engine=Engine(source, self._threads, self._telemetry.observers),
            threads=self._threads,
            access=access,
            limits=self._limits,
            telemetry=self._telemetry,
            ready=self._ready,
        )

    def application(self) -> AsgiAdapter:
        """Return the application, whose lifespan is the worker's."""
        # Velithon's own documents would describe its routes, not the catalog, and load scripts from a public host.
        application = Velithon(routes=routes(self._service), openapi_url=None, docs_url=None)
        application.router.default = Endpoint(nothing_here)
        application.on_startup()(self._start)
        application.on_shutdown()(self._close)
        return AsgiAdapter(
            application,
            cors=Cors(self._settings.cors_origins),
            visited=self._telemetry.visited,
            trusted=self._settings.trusted_proxies,
            sender=BufferedResponses(self._limits.paces, self._limits.connections, self._telemetry.aborted).send,
            busy=self._idle.in_use,
        )

    async def _start(self) -> None:
        asyncio.get_running_loop().set_exception_handler(failing.of_loop)
        # These objects stay: a full collection that scans them blocks the event loop for 10 ms or more.
        gc.freeze()
        self._running += [asyncio.create_task(work) for work in self._background()]

    def _background(self) -> Iterator[Coroutine[None, None, None]]:
        """Yield what runs until the worker ends."""
        limits, pool = self._limits, self._pool
        yield self._telemetry.sample()
        yield set_on_listeners(self._settings.stall_timeout)
        yield Displacement(limits.admission, limits.paces, lambda: 0 if pool.spare else pool.waiting).run()
        if self._alone:
            yield self._idle.bound()
        if self._published:
            yield self._published.follow(self._service.serve, self._threads)

    async def _close(self) -> None:
        self._ready.draining = True
        self._limits.connections.release()
        for task in self._running:
            task.cancel()
        await self._pool.close()
        self._audit.close()
        self._threads.shutdown(wait=False, cancel_futures=True)


def _watching(pool: BasePool, capped: Limits, audit: AuditLog) -> Metrics:
    """Return the metrics of a worker, with gauges for what its exports share."""
    metrics = Metrics()
    metrics.watch("exporter_exports_waiting", "Exports waiting for their turn.", lambda: capped.admission.waiting)
    metrics.watch("exporter_pool_size", "Connections that the pool may have.", lambda: pool.size)
    metrics.watch("exporter_pool_used", "Connections in use.", lambda: pool.size - pool.spare)
    metrics.watch_log("service", stderr.dropped)
    metrics.watch_log("audit", lambda: audit.dropped)
    metrics.watch("exporter_unread_bytes", "Bytes kept until clients read them.", lambda: capped.connections.unread)
    return metrics
