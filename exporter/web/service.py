"""What the resources of one worker share."""

import asyncio
from collections.abc import Callable, Mapping
from concurrent.futures import Executor
from dataclasses import dataclass, field
from typing import TypeAlias

import orjson
from velithon.requests import Request
from velithon.responses import Response

from exporter.access.access import Access
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

Formats: TypeAlias = Mapping[str, Format]

JSON = "application/json"
_DOCUMENTS = 96
"""Three for each of more sets of datasets than principals usually have; beyond that they are made again."""


@dataclass(slots=True)
class Service:
    """The live state of one worker, and the documents made from it."""

    catalog: Catalog
    formats: Formats
    engine: Engine
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

    def readable(self, principal: Principal) -> Catalog:
        """Return the datasets that a principal may read."""
        return {name: dataset for name, dataset in self.catalog.items() if principal.may_read(name)}

    async def document(self, name: str, make: Callable[[Catalog, Formats], bytes], principal: Principal) -> Shared:
        """Return a document about what the caller may read, made once for each set of datasets: many take long."""
        documents, readable = self._documents, self.readable(principal)
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
