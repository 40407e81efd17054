"""The exporter that another application uses."""

import asyncio
from collections.abc import AsyncGenerator, Callable, Iterable, Mapping, MutableMapping, Sequence
from concurrent.futures import Executor
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from types import TracebackType
from typing import Any, Self, TypeAlias

import pyarrow as pa
from prometheus_client import CollectorRegistry

from exporter.access.principal import Principal
from exporter.embedding.guard import App, Guard
from exporter.embedding.hooks import Authenticate, Authorize, Hooks
from exporter.embedding.limits import Limits
from exporter.embedding.live import Live, Parts
from exporter.embedding.surroundings import Surroundings, surroundings_of
from exporter.exports.observers import Observer, Origin
from exporter.exports.options import choose
from exporter.exports.order import Order
from exporter.exports.ordering import from_values, invalid, order_of
from exporter.exports.run import Run
from exporter.http.rsgi import Aborted, Receive, Send
from exporter.problems import Problem, ProblemType
from exporter.telemetry.metrics import Metrics
from exporter.web.catalog import checked, load
from formats import registry as formats_registry
from formats.encoder import Format
from queries.acting import Acting
from queries.catalog import Catalog
from queries.dataset import Dataset
from queries.pool import Pool
from queries.session import Session

Lifespan: TypeAlias = Callable[[object], AbstractAsyncContextManager[None]]

_TABLE_BYTES = 256 * 2**20
_POOL_SIZE = 10


class Exporter:
    """Exports datasets of a PostgreSQL database inside of another application.

    It is an asynchronous context, `async with exporter`, whose `lifespan` suits Starlette and FastAPI; an ASGI
    application that can be mounted under any path; and a library. It reads no environment, configures no logging,
    registers no signal, starts no process and touches nothing global, so several may live in one process. While it is
    entered it belongs to one event loop.
    """

    def __init__(  # noqa: PLR0913 - by keyword, each with a default
        self,
        database: str,
        datasets: Path | str | Iterable[Dataset],
        *,
        authenticate: Authenticate | None = None,
        authorize: Authorize | None = None,
        limits: Limits | None = None,
        observers: Sequence[Observer] = (),
        formats: Iterable[Format] | None = None,
        registry: CollectorRegistry | None = None,
        pool_size: int = _POOL_SIZE,
        search_path: Sequence[str] = ("public",),
        executor: Executor | None = None,
        content_coding: bool = False,
        security_headers: bool = False,
    ) -> None:
        """Take what is exported, and how; nothing is opened before it is entered.

        Args:
            database: a libpq URL.
            datasets: a folder of dataset files, or the datasets themselves.
            authenticate: returns the caller of a request, or None; without it nothing is answered over HTTP.
            authorize: returns whether a caller may read a dataset.
            limits: how much exports may take.
            observers: are told of each export.
            formats: those that are offered; by default all that are installed.
            registry: where the metrics are registered; by default nowhere.
            pool_size: the most connections to the database.
            search_path: the schemas of names without one.
            executor: threads that decode, encode and compress; by default some of its own.
            content_coding: whether exports over HTTP are compressed for clients that accept it.
            security_headers: whether answers have the headers of a service of its own, HSTS among them.

        Raises:
            CatalogError: a dataset is wrong; every fault is listed.
            ValueError: two datasets have one name.
        """
        self._database = database
        self._limits = limits or Limits()
        self._formats: Mapping[str, Format] = (
            formats_registry.load() if formats is None else {format_.extension: format_ for format_ in formats}
        )
        self._catalog = _catalog(datasets, self._formats)
        self._hooks = Hooks(authenticate or _nobody, authorize)
        self._metrics = Metrics(registry)
        self._observers = observers
        self._pool_size = pool_size
        self._search_path = tuple(search_path)
        self._executor = executor
        self._content_coding = content_coding
        self._security_headers = security_headers
        self._live: Live | None = None

    @property
    def datasets(self) -> Catalog:
        """The datasets by name."""
        return self._catalog

    async def __aenter__(self) -> Self:
        """Begin to live on the running event loop.

        Raises:
            RuntimeError: it does already, or asyncpg does not work on that loop.
        """
        if self._live is not None:
            raise RuntimeError("the exporter is entered already: make another one for another event loop")
        self._live = Live(self._parts())
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Close what is not the host's; exports that still run fail."""
        live, self._live = self._live, None
        if live is not None:
            await live.close()

    @property
    def lifespan(self) -> Lifespan:
        """What Starlette and FastAPI take as `lifespan`: the exporter lives as long as the application."""

        @asynccontextmanager
        async def living(application: object) -> AsyncGenerator[None]:
            async with self:
                yield

        return living

    def guard(self, application: App) -> Guard:
        """Return an application with the guard around it, which is to be its outermost layer."""
        return Guard(application)

    def run(  # noqa: PLR0913 - by keyword, each with a default
        self,
        name: str,
        format: str | None = None,  # noqa: A002 - what everybody calls it
        *,
        caller: Principal | None = None,
        columns: Sequence[str] | None = None,
        limit: int | None = None,
        ordered: bool = True,
        options: Mapping[str, object] | None = None,
        arguments: Mapping[str, object] | None = None,
        dated: bool = True,
        **more: object,
    ) -> Run:
        """Return the run of an export, to be entered: `async with exporter.run("orders", "csv") as run`.

        Args:
            name: the dataset's.
            format: the extension of a format, such as `parquet`; without one there are only record batches.
            caller: on whose behalf the database is read; by default the application's own.
            columns: those to export, in this order.
            limit: the most rows.
            ordered: whether the rows of a large table keep the order of a single scan.
            options: the format's own.
            arguments: values of the dataset's parameters, as Python's own or as text; None is NULL.
            dated: whether the snapshot is to be known.
            more: further arguments, by name.

        Raises:
            Problem: there is no such dataset or format, or with everything that is wrong with the arguments.
            RuntimeError: the exporter is not entered, or on another event loop.
        """
        order = self._order(
            name,
            format,
            caller,
            {"columns": columns, "limit": limit, "ordered": ordered} | dict(options or {}),
            dict(arguments or {}) | more,
            dated=dated,
        )
        return self._entered.engine.run(order, Origin(caller.name if caller else "-"))

    async def table(self, name: str, *, max_bytes: int = _TABLE_BYTES, **how: Any) -> pa.Table:
        """Return the rows of a small export as a table; see `run` for the arguments.

        Raises:
            Problem: it takes more than `max_bytes` in memory, or whatever `run` raises.
        """
        async with self.run(name, None, **how) as run:
            batches, size = list[pa.RecordBatch](), 0
            async for batch in run.batches():
                size += batch.nbytes
                if size > max_bytes:
                    detail = f"The table takes more than {max_bytes} bytes (max_bytes): read it in batches, with run."
                    raise Problem(ProblemType.EXPORT_TOO_LARGE, detail)
                batches.append(batch)
            return pa.Table.from_batches(batches, run.schema)

    async def __call__(self, scope: MutableMapping[str, Any], receive: Receive, send: Send) -> None:
        """Serve one ASGI scope, below whatever path the exporter is mounted at.

        Raises:
            Aborted: an export was given up; the server then ends its body visibly incomplete.
        """
        if scope["type"] == "lifespan":
            await self._serve_lifespan(receive, send)
            return
        around = surroundings_of(scope)
        if around is not None:
            await self._serve(around, scope, receive, send)
            return
        around = Surroundings(scope, receive, send)
        try:
            await self._serve(around, around.within(scope), receive, around.send)
        except Aborted:
            around.end()

    async def _serve(self, around: Surroundings, scope: MutableMapping[str, Any], receive: Receive, send: Send) -> None:
        try:
            await self._entered.application(scope, receive, send)
        except Aborted as error:
            await around.give_up(str(error))
            raise

    async def _serve_lifespan(self, receive: Receive, send: Send) -> None:
        """Live as long as a server that serves the exporter alone."""
        await receive()
        async with self:
            await send({"type": "lifespan.startup.complete"})
            await receive()
        await send({"type": "lifespan.shutdown.complete"})

    def _order(  # noqa: PLR0913 - what `run` takes
        self,
        name: str,
        extension: str | None,
        caller: Principal | None,
        options: Mapping[str, object],
        arguments: Mapping[str, object],
        *,
        dated: bool,
    ) -> Order:
        dataset = self._catalog.get(name)
        if dataset is None or (caller is not None and not caller.may_read(name)):
            raise Problem(ProblemType.UNKNOWN_DATASET, f"The datasets are {', '.join(self._readable(caller))}.")
        if extension is not None and extension not in self._formats:
            raise Problem(ProblemType.UNKNOWN_FORMAT, f"The formats are {', '.join(self._formats)}.")
        format_ = self._formats[extension] if extension else None
        values, faults = from_values(dataset.parameters, arguments)
        chosen, wrong = choose(format_, {name: value for name, value in options.items() if value is not None})
        if chosen is None or faults:
            raise invalid(dataset, [*faults, *wrong])
        bounds = self._entered.limits.bounds_of(dataset)
        acting = caller.acting if caller else Acting()
        return order_of(dataset, format_, values, chosen, bounds=bounds, acting=acting, dated=dated)

    def _readable(self, caller: Principal | None) -> list[str]:
        return [name for name in self._catalog if caller is None or caller.may_read(name)]

    @property
    def _entered(self) -> Live:
        if self._live is None:
            raise RuntimeError(
                "the exporter is not entered: use it within `async with exporter`, or give the application "
                "`lifespan=exporter.lifespan` (Starlette's TestClient runs it within `with TestClient(application)`, "
                "Daphne never does)"
            )
        if self._live.loop is not asyncio.get_running_loop():
            raise RuntimeError("the exporter belongs to another event loop: make one for each")
        return self._live

    def _parts(self) -> Parts:
        limits = self._limits
        session = Session(limits.statement_timeout, limits.lock_timeout, self._search_path)
        return Parts(
            pool=Pool(self._database, size=self._pool_size, acquire_timeout=limits.patience, session=session),
            catalog=self._catalog,
            formats=self._formats,
            hooks=self._hooks,
            limits=limits,
            metrics=self._metrics,
            observers=self._observers,
            executor=self._executor,
            content_coding=self._content_coding,
            security_headers=self._security_headers,
        )


def _catalog(datasets: Path | str | Iterable[Dataset], formats: Mapping[str, Format]) -> Catalog:
    if isinstance(datasets, str | Path):
        return load(Path(datasets), formats)
    catalog: dict[str, Dataset] = {}
    for dataset in datasets:
        if dataset.name in catalog:
            raise ValueError(f"two datasets are named {dataset.name}: rename one of them")
        catalog[dataset.name] = dataset
    return checked(catalog, formats)


def _nobody(scope: Mapping[str, Any]) -> None:
    return None
