"""The service's resources: which path is answered by what."""

from collections.abc import Mapping
from concurrent.futures import Executor
from dataclasses import dataclass

import orjson
from velithon.requests import Request
from velithon.responses import Response
from velithon.routing import Route

from exporter import pages
from exporter.descriptions import columns, summary
from exporter.downloads import download, head, stream
from exporter.endpoint import Answer, Endpoint
from exporter.failures import problem_of
from exporter.negotiation import media_type
from exporter.openapi import document
from exporter.plan import Database, columns_of
from exporter.problems import Problem, ProblemType
from exporter.response import unless_disconnected
from formats.encoder import Format
from queries.catalog import Catalog
from queries.dataset import Dataset
from queries.describe import describe
from queries.errors import QueryError

_VARY = {"vary": "Accept, Accept-Encoding, Authorization"}


@dataclass(slots=True)
class Service:
    """The live state of one worker, and the answers made from it."""

    catalog: Catalog
    formats: Mapping[str, Format]
    database: Database
    threads: Executor

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
            return await unless_disconnected(request.protocol, self._description(dataset))
        downloading = download(dataset, format_, request)
        if request.method == "HEAD":
            return head(downloading)
        try:
            return await stream(downloading, request, self.database, self.threads)
        except Problem as problem:
            return problem.response(downloading.instance)

    async def health(self, request: Request) -> Response:
        """Answer that the worker runs."""
        return _json({"status": "ok"})

    async def readiness(self, request: Request) -> Response:
        """Answer whether an export could start now."""
        if self.database.pool.exhausted:
            # Every connection is lent, so there are connections: waiting is not being out of order.
            return _json({"status": "ok", "pool": "busy"})
        try:
            async with self.database.pool.transaction("exporter readyz"):
                return _json({"status": "ok", "pool": "free"})
        except QueryError as error:
            raise problem_of(error) from error

    async def openapi(self, request: Request) -> Response:
        """Answer with the OpenAPI document."""
        return _json(document(self.catalog, self.formats))

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
            raise problem_of(error) from error


def _json(content: object, headers: Mapping[str, str] = {}) -> Response:
    return Response(
        orjson.dumps(content), headers={"cache-control": "no-store", **headers}, media_type="application/json"
    )
