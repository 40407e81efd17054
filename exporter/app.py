"""The composition: settings, catalogue, formats, database and web layer become one ASGI application."""

import asyncio
import gc
from concurrent.futures import ThreadPoolExecutor

from velithon import Velithon

from exporter import memory
from exporter.access.access import Access
from exporter.addresses import load
from exporter.database import Database
from exporter.http.asgi import AsgiAdapter
from exporter.http.cors import Cors
from exporter.http.endpoint import Endpoint, nothing_here
from exporter.limits.giving_way import GivingWay
from exporter.limits.idle import Idle
from exporter.limits.limits import Limits, limits
from exporter.limits.unread import bound_unread
from exporter.orphan import end_with_parent
from exporter.published import Published
from exporter.routes import Service
from exporter.settings import Settings
from exporter.telemetry import failing, stderr
from exporter.telemetry.audit import AuditLog
from exporter.telemetry.masking import option_names
from exporter.telemetry.metrics import Metrics
from exporter.telemetry.readiness import Readiness
from exporter.telemetry.telemetry import Telemetry
from exporter.whole import Wholes
from formats import registry
from queries.followers import Followers
from queries.pool import Pool
from queries.session import Session


def create(settings: Settings | None = None, published: Published | None = None, *, alone: bool = False) -> AsgiAdapter:
    """Return the ASGI application of one worker; without a published catalogue it reads the folder itself, once.

    It is `alone` where the process serves nothing else, so that all of its connections can be bounded.

    Raises:
        ValidationError: a setting is missing or wrong.
        CatalogError: a dataset is wrong; every fault is listed.
        PluginError: a format that is installed cannot be used.
    """
    settings = settings or Settings()
    memory.give_back_soon()
    end_with_parent(settings.shutdown_timeout)
    pool = Pool(
        settings.database_url.get_secret_value(),
        size=settings.pool_size,
        acquire_timeout=settings.pool_timeout,
        session=Session(settings.statement_timeout, settings.lock_timeout, settings.search_path),
    )
    threads = ThreadPoolExecutor(settings.threads, thread_name_prefix="export")
    formats = registry.load()
    catalog = published.catalog() if published else load(settings.datasets, formats)
    database = Database(pool, Followers(pool, settings.parallel_connections), settings.parallel)
    capped = limits(settings)
    audit = AuditLog(settings.audit_log, option_names(formats.values()))
    telemetry = Telemetry(watching(pool, capped, audit), audit)
    access = Access(settings, origins=settings.cors_origins, formats=formats)
    ready = Readiness(database, {"credentials": access.problems, "audit log": audit.problems})
    service = Service(catalog, formats, database, threads, access, capped, telemetry, ready)
    # Velithon's own documents would describe its routes, not the catalogue, and load scripts from a public host.
    application = Velithon(routes=service.routes(), openapi_url=None, docs_url=None)
    application.router.default = Endpoint(nothing_here)

    giving_way = GivingWay(capped.admission, capped.paces, lambda: 0 if pool.spare else pool.waiting)

    idle = Idle()
    running: list[asyncio.Task[None]] = []

    async def start() -> None:
        asyncio.get_running_loop().set_exception_handler(failing.of_loop)
        # What is there now stays: a full collection that looks at all of it holds the event loop up for 10 ms and more.
        gc.freeze()
        running.append(asyncio.create_task(telemetry.sample()))
        running.append(asyncio.create_task(bound_unread(settings.stall_timeout)))
        running.append(asyncio.create_task(giving_way.run()))
        if alone:
            running.append(asyncio.create_task(idle.bound()))
        if published:
            running.append(asyncio.create_task(published.follow(service.serve, threads)))

    async def close() -> None:
        ready.draining = True
        capped.connections.release()
        for task in running:
            task.cancel()
        await pool.close()
        audit.close()
        threads.shutdown(wait=False, cancel_futures=True)

    application.on_startup()(start)
    application.on_shutdown()(close)

    wholes = Wholes(capped.paces, capped.connections, telemetry.given_up)
    return AsgiAdapter(
        application,
        cors=Cors(settings.cors_origins),
        visited=telemetry.visited,
        trusted=settings.trusted_proxies,
        wholes=wholes,
        idle=idle,
    )


def watching(pool: Pool, capped: Limits, audit: AuditLog) -> Metrics:
    """Return the metrics of a worker, with gauges of what its exports share."""
    metrics = Metrics()
    metrics.watch("exporter_exports_waiting", "Exports that wait for their turn.", lambda: capped.admission.waiting)
    metrics.watch("exporter_pool_size", "Connections that there may be.", lambda: pool.size)
    metrics.watch("exporter_pool_used", "Connections that are lent.", lambda: pool.size - pool.spare)
    metrics.watch_log("service", stderr.dropped)
    metrics.watch_log("audit", lambda: audit.dropped)
    metrics.watch("exporter_unread_bytes", "Kept for clients that do not take them.", lambda: capped.connections.unread)
    return metrics
