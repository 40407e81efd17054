"""Exports as a library: what another program calls."""

import asyncio
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import Executor
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from types import TracebackType
from typing import Any, Self, TypeAlias

import pyarrow as pa
from prometheus_client import CollectorRegistry

from exporter.access.principal import Principal
from exporter.embedding.hooks import Authenticate, Authorize, Hooks
from exporter.embedding.limits import Limits
from exporter.embedding.live import Live, Parts
from exporter.embedding.pools import Source, pool_of
from exporter.exports.file import Written, check, write
from exporter.exports.observers import Observer, Origin
from exporter.exports.options import choose
from exporter.exports.order import Order
from exporter.exports.ordering import from_values, invalid, order_of
from exporter.exports.run import Run
from exporter.problems import Problem, ProblemType
from exporter.telemetry.metrics import Metrics, shared
from exporter.web.catalog import checked, load
from formats import registry as formats_registry
from formats.encoder import Format
from queries.acting import Acting
from queries.catalog import Catalog
from queries.dataset import Dataset
from queries.session import Session

Lifespan: TypeAlias = Callable[[object], AbstractAsyncContextManager[None]]

_TABLE_BYTES = 256 * 2**20


class Library:
    """Runs exports for another program, for as long as it is entered."""

    def __init__(  # noqa: PLR0913 - by keyword, each with a default
        self,
        database: Source,
        datasets: Path | str | Iterable[Dataset],
        *,
        authenticate: Authenticate | None = None,
        authorize: Authorize | None = None,
        limits: Limits | None = None,
        observers: Sequence[Observer] = (),
        formats: Iterable[Format] | None = None,
        registry: CollectorRegistry | None = None,
        pool_size: int | None = None,
        search_path: Sequence[str] = ("public",),
        executor: Executor | None = None,
        content_coding: bool = False,
        security_headers: bool = False,
    ) -> None:
        """Take what to export, and how; nothing is opened before the exporter is entered.

        Args:
            database: a libpq URL; or the application's own asyncpg pool, or a function that returns it, which is never
                closed here, and whose codecs do not matter.
            datasets: a folder of dataset files, or the datasets themselves.
            authenticate: returns the caller of a request, or None; without it, all HTTP requests are refused.
            authorize: returns whether a caller may read a dataset.
            limits: the limits of exports.
            observers: called for each export.
            formats: the formats to offer; by default all installed formats.
            registry: where to register the metrics, which exporters may share; by default nowhere.
            pool_size: the most connections to use; by default ten, or all but one of the application's pool.
            search_path: the schemas for unqualified names.
            executor: threads that decode, encode and compress; by default the exporter's own.
            content_coding: whether to compress exports over HTTP for clients that accept it.
            security_headers: whether responses have the headers of a standalone service, including HSTS.

        Raises:
            CatalogError: a dataset is invalid; every fault is listed.
            ValueError: two datasets have the same name.
        """
        self._database = database
        self._limits = limits or Limits()
        self._formats: Mapping[str, Format] = (
            formats_registry.load() if formats is None else {format_.extension: format_ for format_ in formats}
        )
        self._catalog = _catalog(datasets, self._formats)
        self._hooks = Hooks(authenticate or _nobody, authorize)
        self._metrics = shared(registry) if registry else Metrics()
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

    @property
    def is_entered(self) -> bool:
        """Whether it lives on an event loop."""
        return self._live is not None

    async def __aenter__(self) -> Self:
        """Start on the running event loop.

        Raises:
            RuntimeError: it is already entered, or asyncpg does not work on this event loop.
        """
        if self._live is not None:
            raise RuntimeError("the exporter is already entered: create another one for another event loop")
        self._live = Live(self._parts())
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Close what does not belong to the host; running exports fail."""
        live, self._live = self._live, None
        if live is not None:
            await live.close()

    def run(  # noqa: PLR0913 - by keyword, each with a default
        self,
        name: str,
        format: str | None = None,  # noqa: A002 - the usual name
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
            caller: on whose behalf to read the database; by default the application itself.
            columns: the columns to export, in this order.
            limit: the most rows.
            ordered: whether the rows of a large table keep the order of a single scan.
            options: the format's own options.
            arguments: values of the dataset's parameters, as Python values or as text; None is NULL.
            dated: whether the run must know its snapshot.
            more: further arguments, by name.

        Raises:
            Problem: there is no such dataset or format, or arguments are invalid; every fault is listed.
            RuntimeError: the exporter is not entered, or belongs to another event loop.
        """
        order = self._order(
            name,
            format,
            caller,
            {"columns": columns, "limit": limit, "ordered": ordered} | dict(options or {}),
            dict(arguments or {}) | more,
            dated=dated,
        )
        return self.entered.engine.run(order, Origin(caller.name if caller else "-"))

    async def write(
        self,
        path: Path | str,
        name: str,
        format: str | None = None,  # noqa: A002 - as above
        *,
        overwrite: bool = False,
        **how: Any,
    ) -> Written:
        """Write an export into a file, which appears when it is whole and on the disk; see `run` for the arguments.

        The path's extension names the format, unless `format` does.

        Raises:
            NotWritten: the file cannot be written, or exists and is not to be overwritten.
            Problem: `run` fails; there is no file then.
        """
        target = Path(path)
        check(target, overwrite=overwrite)
        async with self.run(name, format or target.suffix.removeprefix("."), **how) as run:
            return await write(run, target, overwrite=overwrite)

    async def table(self, name: str, *, max_bytes: int = _TABLE_BYTES, **how: Any) -> pa.Table:
        """Return the rows of a small export as a table; see `run` for the arguments.

        Raises:
            Problem: it takes more than `max_bytes` in memory, or `run` fails.
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
        bounds = self.entered.limits.bounds_of(dataset)
        acting, claims = (caller.acting, caller.known) if caller else (Acting(), {})
        return order_of(dataset, format_, values, chosen, bounds=bounds, acting=acting, claims=claims, dated=dated)

    def _readable(self, caller: Principal | None) -> list[str]:
        return [name for name in self._catalog if caller is None or caller.may_read(name)]

    @property
    def entered(self) -> Live:
        """What the exporter consists of while it is entered.

        Raises:
            RuntimeError: it is not entered, or on another event loop.
        """
        if self._live is None:
            raise RuntimeError(
                "the exporter is not entered: use it within `async with exporter`, or give the application "
                "`lifespan=exporter.lifespan` (Starlette's TestClient runs it within `with TestClient(application)`, "
                "Daphne never does)"
            )
        if self._live.loop is not asyncio.get_running_loop():
            raise RuntimeError("the exporter belongs to another event loop: create one for each")
        return self._live

    def _parts(self) -> Parts:
        limits = self._limits
        session = Session(limits.statement_timeout, limits.lock_timeout, self._search_path)
        return Parts(
            pool=pool_of(self._database, size=self._pool_size, patience=limits.patience, session=session),
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
