"""The parts of an exporter while it is entered, on one event loop."""

import asyncio
from collections.abc import Coroutine, Iterator, Mapping, Sequence
from concurrent.futures import Executor, ThreadPoolExecutor
from dataclasses import dataclass

from velithon import Velithon

from exporter.embedding.hooks import Hooks
from exporter.embedding.limits import Limits
from exporter.exports.database import Database
from exporter.exports.engine import Engine
from exporter.exports.observers import Observer
from exporter.http.asgi import AsgiAdapter
from exporter.http.endpoint import Endpoint, nothing_here
from exporter.limits.displacement import Displacement
from exporter.telemetry.metrics import Metrics
from exporter.telemetry.telemetry import Telemetry
from exporter.web.buffered import BufferedResponses
from exporter.web.readiness import Readiness
from exporter.web.routes import routes
from exporter.web.service import Service
from formats.encoder import Format
from queries.base_pool import BasePool
from queries.catalog import Catalog


@dataclass(frozen=True, slots=True, kw_only=True)
class Parts:
    """What the host application configured, or left to the defaults."""

    pool: BasePool
    catalog: Catalog
    formats: Mapping[str, Format]
    hooks: Hooks
    limits: Limits
    metrics: Metrics
    observers: Sequence[Observer]
    executor: Executor | None
    """The host's threads; None means the exporter's own."""
    content_coding: bool
    security_headers: bool


class Live:
    """The engine and the application of an exporter while it is entered."""

    def __init__(self, parts: Parts) -> None:
        """Build the parts, on the running event loop.

        Raises:
            RuntimeError: asyncpg does not work on it.
        """
        self.loop = _usable(asyncio.get_running_loop())
        self.limits = parts.limits.live(parts.pool.size)
        self._parts = parts
        self._own_threads = None if parts.executor else ThreadPoolExecutor(thread_name_prefix="export")
        threads = parts.executor or self._own_threads
        assert threads is not None  # noqa: S101 - one of the two
        self.telemetry = telemetry = Telemetry(parts.metrics, more=parts.observers)
        database = Database(
            parts.pool, parallel=parts.limits.parallel, parallel_connections=max(0, parts.pool.size // 2)
        )
        self.engine = Engine(database, threads, telemetry.observers)
        self.service = Service(
            catalog=parts.catalog,
            formats=parts.formats,
            engine=self.engine,
            threads=threads,
            access=parts.hooks,
            limits=self.limits,
            telemetry=telemetry,
            ready=Readiness(parts.pool, {}),
            content_coding=parts.content_coding,
            embedded=True,
        )
        application = Velithon(routes=routes(self.service), openapi_url=None, docs_url=None)
        application.router.default = Endpoint(nothing_here)
        self.application = AsgiAdapter(
            application,
            visited=telemetry.visited,
            sender=BufferedResponses(self.limits.paces, self.limits.connections, telemetry.aborted).send,
            secures=parts.security_headers,
        )
        self._running = [asyncio.create_task(work) for work in self._background()]

    def _background(self) -> Iterator[Coroutine[None, None, None]]:
        pool, limits = self._parts.pool, self.limits
        yield Displacement(limits.admission, limits.paces, lambda: 0 if pool.spare else pool.waiting).run()

    async def close(self) -> None:
        """Stop the background tasks, and close what does not belong to the host."""
        for task in self._running:
            task.cancel()
        await asyncio.gather(*self._running, return_exceptions=True)
        await self._parts.pool.close()
        if self._own_threads:
            self._own_threads.shutdown(wait=False, cancel_futures=True)


def _usable(loop: asyncio.AbstractEventLoop) -> asyncio.AbstractEventLoop:
    if type(loop).__module__.partition(".")[0] == "rloop":
        raise RuntimeError(
            "asyncpg does not work on rloop, which Granian takes if it is installed: start it with `--loop uvloop`, "
            "or with `--loop asyncio`"
        )
    return loop
