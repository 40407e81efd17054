"""What the resources of one worker share."""

import asyncio
from collections.abc import Callable, Mapping
from concurrent.futures import Executor
from dataclasses import dataclass, field
from typing import Protocol, TypeAlias

import orjson
from velithon.requests import Request
from velithon.responses import Response

from exporter.access.principal import Principal
from exporter.exports.engine import Engine
from exporter.http.negotiation import VARY, acceptable
from exporter.http.visit import visit_of
from exporter.limits.limits import Limits
from exporter.telemetry.telemetry import Telemetry
from exporter.web.readiness import Readiness
from exporter.web.whole import Shared
from formats.encoder import Format
from queries.catalog import Catalog
from queries.dataset import Dataset

Formats: TypeAlias = Mapping[str, Format]

JSON = "application/json"
_DOCUMENTS = 96
"""Three for each of more sets of datasets than principals usually have; beyond that they are made again."""


class Callers(Protocol):
    """Knows who asks, and what they may read."""

    async def principal(self, request: Request) -> Principal:
        """Return who asks.

        Raises:
            Problem: it is not known who does, or they may not ask.
            Disconnected: the client left before it was told.
        """

    async def may_read(self, principal: Principal, dataset: Dataset) -> bool:
        """Return whether a principal may know of a dataset and export it."""

    def refuse_export(self, request: Request) -> None:
        """Refuse whom a link on a page of another origin leads to an export without a word of their own.

        Raises:
            Problem: it is such a request.
        """


@dataclass(slots=True)
class Service:
    """The live state of one worker, and the documents made from it."""

    catalog: Catalog
    formats: Formats
    engine: Engine
    threads: Executor
    access: Callers
    limits: Limits
    telemetry: Telemetry
    ready: Readiness
    content_coding: bool = True
    """Whether exports are compressed for clients that accept it."""
    embedded: bool = False
    """Whether the middleware of another application is around."""
    _documents: dict[tuple[str, ...], Shared] = field(default_factory=dict)
    """What was made of the catalogue so far, by the name of the document and those of the datasets in it."""

    def serve(self, catalog: Catalog) -> None:
        """Serve another catalogue to all who ask from now on; what runs goes on with the datasets it has."""
        self.catalog = catalog
        self._documents = {}

    async def principal(self, request: Request) -> Principal:
        """Return who asks, once the request has been counted.

        Raises:
            Problem: nobody whom the service knows, or one who asks more often than they may.
        """
        self.limits.rates.count_address(request)
        principal = await self.access.principal(request)
        visit_of(request.scope).who = principal.name
        self.limits.rates.count_principal(request, principal.name)
        return principal

    async def readable(self, principal: Principal) -> Catalog:
        """Return the datasets that a principal may read."""
        return {
            name: dataset for name, dataset in self.catalog.items() if await self.access.may_read(principal, dataset)
        }

    async def find(self, name: str, principal: Principal) -> Dataset | None:
        """Return a dataset, or None if there is none that the principal may read."""
        dataset = self.catalog.get(name)
        return dataset if dataset and await self.access.may_read(principal, dataset) else None

    async def document(self, name: str, make: Callable[[Catalog, Formats], bytes], principal: Principal) -> Shared:
        """Return a document about what the caller may read, made once for each set of datasets: many take long."""
        documents, readable = self._documents, await self.readable(principal)
        key = (name, *readable)
        if key not in documents:
            made = Shared(await asyncio.get_running_loop().run_in_executor(self.threads, make, readable, self.formats))
            if len(documents) >= _DOCUMENTS:
                documents.clear()
            documents[key] = made
        return documents[key]


def offer(request: Request, *media_types: str) -> str:
    """Return the media type that the request's Accept prefers.

    Raises:
        Problem: it allows none of them.
    """
    return acceptable(request.scope.headers.get("accept"), media_types)


def json_response(content: object) -> Response:
    """Return a value as an answer of JSON, or bytes that are JSON already."""
    body = content if isinstance(content, bytes) else orjson.dumps(content)
    return Response(body, headers={"cache-control": "no-store", "vary": VARY}, media_type=JSON)
