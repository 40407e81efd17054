"""The service's resources: which path is answered by what."""

import logging
from collections.abc import Mapping
from concurrent.futures import Executor
from dataclasses import dataclass

import orjson
from velithon.requests import Request
from velithon.responses import Response
from velithon.routing import Route

from exporter import pages, query_string
from exporter.database import Database
from exporter.descriptions import columns, summary
from exporter.downloads import download, head, stream
from exporter.endpoint import Answer, Endpoint
from exporter.failures import problem_of
from exporter.identity import uuid7
from exporter.negotiation import VARY, media_type
from exporter.plan import columns_of
from exporter.problems import Fault, Problem, ProblemType
from exporter.response import unless_disconnected
from formats.encoder import Format
from queries.catalog import Catalog
from queries.dataset import Dataset
from queries.describe import describe
from queries.errors import QueryError

_VARY = {"vary": VARY}

log = logging.getLogger(__name__)


@dataclass(slots=True)
class Service:
    """The live state of one worker, and the answers made from it."""

    catalog: Catalog
    formats: Mapping[str, Format]
    database: Database
    threads: Executor
    openapi_document: bytes

    def routes(self) -> list[Route]:
        """Return the routes, each guarded."""
        answers: dict[str, Answer] = {
            "/": self.home,
            "/datasets": self.list_datasets,
            "/datasets/{name}": self.dataset,
            "/healthz": self.health,
            "/readyz": self.readiness,
            "/openapi.json": self.openapi,
        }
        return [Route(path, Endpoint(answer)) for path, answer in answers.items()]

    async def home(self, request: Request) -> Response:
        """Answer with the catalogue as a page."""
        return pages.home(self.catalog, self.formats)

    async def list_datasets(self, request: Request) -> Response:
        """Answer with every dataset."""
        return _json({"datasets": [summary(dataset, self.formats) for dataset in self.catalog.values()]})

    async def dataset(self, request: Request) -> Response:
        """Answer with a dataset's description, or stream its rows."""
        name: str = request.path_params["name"]
        dataset, format_ = self._find(name)
        if format_ is None:
            format_ = self._negotiated(request)
        if format_ is None:
            _refuse_parameters(dataset, request)
            return await unless_disconnected(request.protocol, self._description(dataset))
        downloading = download(dataset, format_, request)
        if request.method == "HEAD":
            return head(downloading)
        return await stream(downloading, request, self.database, self.threads)

    async def health(self, request: Request) -> Response:
        """Answer that the worker runs."""
        return _json({"status": "ok"})

    async def readiness(self, request: Request) -> Response:
        """Answer whether an export could start now."""
        if not self.database.pool.spare:
            # Every connection is lent, so there are connections: waiting is not being out of order.
            return _json({"status": "ok", "pool": "busy"})
        try:
            async with self.database.pool.transaction("exporter readyz"):
                return _json({"status": "ok", "pool": "free"})
        except QueryError as error:
            raise _logged("readiness", error) from error

    async def openapi(self, request: Request) -> Response:
        """Answer with the OpenAPI document, made once: it takes long with many datasets."""
        return Response(self.openapi_document, headers={"cache-control": "no-store"}, media_type="application/json")

    def _find(self, name: str) -> tuple[Dataset, Format | None]:
        """Return the dataset, and the format if the name ends in the extension of one."""
        if name in self.catalog:
            return self.catalog[name], None
        stem, _, extension = name.rpartition(".")
        if stem in self.catalog and extension in self.formats:
            return self.catalog[stem], self.formats[extension]
        if stem in self.catalog:
            raise Problem(ProblemType.UNKNOWN_FORMAT, f"{stem} is offered as {', '.join(self.formats)}.")
        raise Problem(ProblemType.UNKNOWN_DATASET, "GET /datasets lists what there is.")

    def _negotiated(self, request: Request) -> Format | None:
        """Return the format that Accept prefers to a description, or None for the description."""
        by_type = {media: format_ for format_ in self.formats.values() for media in format_.media_types}
        descriptions = ("application/json", "text/html")
        chosen = media_type(request.headers.get("accept"), [*descriptions, *by_type])
        if chosen is None:
            allowed = ", ".join([*descriptions, *by_type])
            raise Problem(ProblemType.NOT_ACCEPTABLE, f"Accept one of {allowed}.", headers=_VARY)
        return by_type.get(chosen)

    async def _description(self, dataset: Dataset) -> Response:
        try:
            async with self.database.pool.transaction("exporter describe") as connection:
                described = await describe(connection, dataset.query.numbered())
                found = await columns_of(dataset, described, self.database, connection, native_intervals=True)
                listed = await columns(dataset, described, found, connection)
                return _json(summary(dataset, self.formats) | {"columns": listed}, _VARY)
        except QueryError as error:
            raise _logged(f"the description of {dataset.name}", error) from error


def _refuse_parameters(dataset: Dataset, request: Request) -> None:
    """Tell a caller who forgot the extension, instead of answering with a description that ignores the parameters."""
    given = query_string.parse(request.scope.query_string)
    if given:
        raise Problem(
            ProblemType.INVALID_PARAMETERS,
            f"This describes the dataset; for its rows ask for {dataset.name}.csv or another format.",
            faults=[Fault(name, "is for exports only") for name in given],
        )


def _logged(what: str, error: QueryError) -> Problem:
    problem = problem_of(error)
    problem.export_id = uuid7()
    log.error("%s failed id=%s reason=%r", what, problem.export_id, f"{type(error).__name__}: {error}")
    return problem


def _json(content: object, headers: Mapping[str, str] = {}) -> Response:
    return Response(
        orjson.dumps(content), headers={"cache-control": "no-store", **headers}, media_type="application/json"
    )
