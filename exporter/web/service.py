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
from exporter.web.buffered import SharedDocument
from exporter.web.readiness import Readiness
from formats.encoder import Format
from queries.catalog import Catalog
from queries.dataset import Dataset

Formats: TypeAlias = Mapping[str, Format]
Make: TypeAlias = Callable[[Catalog, Formats], bytes]

JSON = "application/json"
_DOCUMENTS = 96
"""Three documents for each set of datasets, and more sets than principals usually have; beyond that, start over."""


class Callers(Protocol):
    """Authenticates callers, and knows what they may read."""

    async def principal(self, request: Request) -> Principal:
        """Return the caller's principal.

        Raises:
            Problem: the caller is not authenticated, or may not send this request.
            Disconnected: the client disconnected first.
        """

    async def may_read(self, principal: Principal, dataset: Dataset) -> bool:
        """Return whether a principal may see and export a dataset."""

    def refuse_export(self, request: Request) -> None:
        """Refuse a request for an export that must not run.

        Raises:
            Problem: it is such a request, for example one that follows a link of another origin.
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
    _documents: dict[tuple[str, ...], SharedDocument] = field(default_factory=dict)
    """Documents made so far, by the document's name and the names of its datasets."""

    def serve(self, catalog: Catalog) -> None:
        """Serve another catalog from now on; running exports continue with the datasets that they have."""
        self.catalog = catalog
        self._documents = {}

    async def principal(self, request: Request) -> Principal:
        """Count the request, and return the caller's principal.

        Raises:
            Problem: the caller is not authenticated, or exceeds a rate limit.
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

    async def document(self, name: str, make: Make, principal: Principal) -> SharedDocument:
        """Return a document about what the caller may read; made once per set of datasets, because it is slow."""
        documents, readable = self._documents, await self.readable(principal)
        key = (name, *readable)
        if key not in documents:
            loop = asyncio.get_running_loop()
            made = SharedDocument(await loop.run_in_executor(self.threads, make, readable, self.formats))
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
    """Return a response with a value as JSON, or with bytes that are already JSON."""
    body = content if isinstance(content, bytes) else orjson.dumps(content)
    return Response(body, headers={"cache-control": "no-store", "vary": VARY}, media_type=JSON)
