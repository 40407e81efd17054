"""The service's resources: which path is answered by what."""

import asyncio
import logging
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping
from concurrent.futures import Executor
from dataclasses import dataclass, field
from functools import partial
from typing import TypeAlias

import orjson
from velithon.requests import Request
from velithon.responses import Response
from velithon.routing import Route

from exporter import openapi, pages
from exporter.access.access import Access
from exporter.access.principal import Principal
from exporter.database import Database
from exporter.descriptions import columns, listed, summary
from exporter.downloads import download, head, off_loop, stream
from exporter.export import export
from exporter.failures import problem_of
from exporter.http import query_string
from exporter.http.endpoint import Answer, Endpoint, nothing_here
from exporter.http.negotiation import VARY, acceptable
from exporter.http.problems import Fault, Problem, ProblemType
from exporter.http.ranges import refuse_part
from exporter.http.rsgi import root_path_of
from exporter.identity import uuid7
from exporter.limits.admission import Place
from exporter.limits.limited import limited
from exporter.limits.limits import Limits, caller, place_of
from exporter.limits.pace import Pace
from exporter.order import Order
from exporter.plan import columns_of
from exporter.response import refuse_without_chunks, unless_disconnected
from exporter.telemetry.metrics import CONTENT_TYPE
from exporter.telemetry.readiness import NotReady, Readiness
from exporter.telemetry.telemetry import Telemetry
from exporter.telemetry.visit import Visit, visit_of
from exporter.whole import Shared
from formats.encoder import Format
from queries.catalog import Catalog
from queries.dataset import Dataset
from queries.describe import describe
from queries.errors import QueryError

Formats: TypeAlias = Mapping[str, Format]

_JSON = "application/json"
_DOCUMENTS = 96
"""Three for each of more sets of datasets than principals usually have; beyond that they are made again."""

log = logging.getLogger(__name__)


@dataclass(slots=True)
class Service:
    """The live state of one worker, and the answers made from it."""

    catalog: Catalog
    formats: Formats
    database: Database
    threads: Executor
    access: Access
    limits: Limits
    telemetry: Telemetry
    ready: Readiness
    _documents: dict[tuple[str, ...], Shared] = field(default_factory=dict)
    """What was made of the catalogue so far, by the name of the document and those of the datasets in it."""

    def serve(self, catalog: Catalog) -> None:
        """Serve another catalogue to all who ask from now on; what runs goes on with the datasets it has."""
        self.catalog = catalog
        self._documents = {}

    def routes(self) -> list[Route]:
        """Return the routes, each guarded; only whether the worker runs and is ready is told to everybody."""
        closed: dict[str, Callable[[Request, Principal], Awaitable[Response]]] = {
            "/": self.home,
            "/datasets": self.list_datasets,
            "/datasets/{name}": self.dataset,
            "/openapi.json": self.openapi,
            "/metrics": self.metrics,
        }
        answers = {path: self._authenticated(answer) for path, answer in closed.items()}
        answers |= {"/healthz": self.health, "/readyz": self.readiness}
        return [Route(path, Endpoint(answer)) for path, answer in answers.items()]

    def _authenticated(self, answer: Callable[[Request, Principal], Awaitable[Response]]) -> Answer:
        async def ask(request: Request) -> Response:
            self.limits.rates.count_address(request)
            principal = await self.access.principal(request)
            visit_of(request.scope).principal = principal
            self.limits.rates.count_principal(request, principal.name)
            return await answer(request, principal)

        return ask

    async def home(self, request: Request, principal: Principal) -> Response:
        """Answer with the catalogue as a page."""
        _offer(request, "text/html")
        return pages.response(await self._document("home", pages.home, principal))

    async def list_datasets(self, request: Request, principal: Principal) -> Response:
        """Answer with every dataset that the caller may read."""
        _offer(request, _JSON)
        return _document(await self._document("list", listed, principal))

    async def dataset(self, request: Request, principal: Principal) -> Response:
        """Answer with a dataset's description, or stream its rows."""
        name: str = request.path_params["name"]
        dataset, format_ = self._find(name, principal)
        visit_of(request.scope).dataset = dataset
        if format_ is None:
            format_ = self._negotiated(request)
        if format_ is None:
            _refuse_parameters(dataset, request)
            return await unless_disconnected(
                request.protocol, self._description(dataset, principal, visit_of(request.scope))
            )
        self.access.refuse_links(request)
        refuse_without_chunks(request.scope)
        reading = partial(download, dataset, format_, request, principal, self.limits.bounds_of(dataset))
        downloading = await off_loop(reading, request, self.threads)
        if request.method == "HEAD":
            return head(downloading)
        refuse_part(request.scope.headers)
        deadline = downloading.order.bounds.deadline()
        place = place_of(visit_of(request.scope), dataset)
        chunks = self._recorded(downloading.order, request, place, deadline)
        pace = Pace(self.limits.paces, deadline, place)
        return await stream(downloading, request, chunks, pace, self.limits.connections)

    def _recorded(self, order: Order, request: Request, place: Place, deadline: float | None) -> AsyncGenerator[bytes]:
        chunks = export(order, self.database, self.threads)
        allowed = limited(order, chunks, self.limits.admission, place, deadline)
        return self.telemetry.recorded(order, visit_of(request.scope), allowed)

    async def health(self, request: Request) -> Response:
        """Answer that the worker runs."""
        _offer(request, _JSON)
        return _json({"status": "ok"})

    async def readiness(self, request: Request) -> Response:
        """Answer whether an export could start now, and what is in its way."""
        _offer(request, _JSON)
        checks = await self.ready.problems()
        if any(checks.values()):
            raise NotReady(checks)
        return _json({"status": "ok", "checks": dict.fromkeys(checks, "ok")})

    async def metrics(self, request: Request, principal: Principal) -> Response:
        """Answer with the metrics of all workers; who may not read them is told that there is nothing."""
        if not principal.metrics:
            return await nothing_here(request)
        _offer(request, "text/plain")
        text = await asyncio.get_running_loop().run_in_executor(None, self.telemetry.metrics.exposition)
        return Response(text, headers={"cache-control": "no-store", "vary": VARY}, media_type=CONTENT_TYPE)

    async def openapi(self, request: Request, principal: Principal) -> Response:
        """Answer with the OpenAPI document."""
        _offer(request, _JSON)
        root_path = root_path_of(request.scope)
        make = partial(openapi.document, root_path=root_path)
        return _document(await self._document(f"openapi {root_path}", make, principal))

    async def _document(self, name: str, make: Callable[[Catalog, Formats], bytes], principal: Principal) -> Shared:
        """Return a document about what the caller may read, made once for each set of datasets: many take long."""
        documents, readable = self._documents, self._readable(principal)
        key = (name, *readable)
        if key not in documents:
            made = Shared(await asyncio.get_running_loop().run_in_executor(self.threads, make, readable, self.formats))
            if len(documents) >= _DOCUMENTS:
                documents.clear()
            documents[key] = made
        return documents[key]

    def _readable(self, principal: Principal) -> Catalog:
        return {name: dataset for name, dataset in self.catalog.items() if principal.may_read(name)}

    def _find(self, name: str, principal: Principal) -> tuple[Dataset, Format | None]:
        """Return the dataset, and the format if the name ends in the extension of one.

        What the caller may not read is answered exactly like what is not there.
        """
        if name in self.catalog and principal.may_read(name):
            return self.catalog[name], None
        stem, _, extension = name.rpartition(".")
        known = stem in self.catalog and principal.may_read(stem)
        if known and extension in self.formats:
            return self.catalog[stem], self.formats[extension]
        if known:
            raise Problem(ProblemType.UNKNOWN_FORMAT, f"{stem} is offered as {', '.join(self.formats)}.")
        raise Problem(ProblemType.UNKNOWN_DATASET, "GET /datasets lists what there is.")

    def _negotiated(self, request: Request) -> Format | None:
        """Return the format that Accept prefers to a description, or None for the description."""
        by_type = {media: format_ for format_ in self.formats.values() for media in format_.media_types}
        return by_type.get(_offer(request, _JSON, *by_type))

    async def _description(self, dataset: Dataset, principal: Principal, visit: Visit) -> Response:
        """Describe a dataset; that takes a connection, and so a place among the exports."""
        place = Place(caller(visit), dataset.name)
        await self.limits.admission.enter(place)
        try:
            return await self._described(dataset, principal)
        finally:
            self.limits.admission.leave(place)

    async def _described(self, dataset: Dataset, principal: Principal) -> Response:
        try:
            transaction = self.database.pool.transaction("exporter describe", acting=principal.acting)
            async with transaction as connection:
                described = await describe(connection, dataset.query.numbered(), values=False)
                found = await columns_of(dataset, described, self.database, connection)
                listed = await columns(dataset, described, found, connection)
                return _json(summary(dataset, self.formats) | {"columns": listed})
        except QueryError as error:
            raise _logged(dataset.name, error) from error


def _offer(request: Request, *media_types: str) -> str:
    """Return the media type that the request's Accept prefers.

    Raises:
        Problem: it allows none of them.
    """
    return acceptable(request.scope.headers.get("accept"), media_types)


def _refuse_parameters(dataset: Dataset, request: Request) -> None:
    """Tell a caller who forgot the extension, instead of answering with a description that ignores the parameters."""
    given = query_string.parse(request.scope.query_string)
    if given:
        raise Problem(
            ProblemType.INVALID_PARAMETERS,
            f"This describes the dataset; for its rows ask for {dataset.name}.csv or another format.",
            faults=[Fault(name, "is for exports only") for name in given],
        )


def _logged(dataset: str, error: QueryError) -> Problem:
    problem = problem_of(error)
    problem.export_id = uuid7()
    fields = {"id": str(problem.export_id), "dataset": dataset, "reason": f"{type(error).__name__}: {error}"}
    log.error("description failed", extra={"fields": fields})
    return problem


def _json(content: object) -> Response:
    return _document(orjson.dumps(content))


def _document(content: bytes) -> Response:
    return Response(content, headers={"cache-control": "no-store", "vary": VARY}, media_type=_JSON)
