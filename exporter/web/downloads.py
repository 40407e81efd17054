"""`GET /datasets/{name}.{ext}`: from a request to the streamed response."""

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from concurrent.futures import Executor
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import partial
from typing import Annotated

from pydantic import Field
from velithon.requests import Request
from velithon.responses import Response

from exporter.access.principal import Principal
from exporter.exports.bounds import Bounds
from exporter.exports.compression import COMPRESSORS, FILES
from exporter.exports.options import ExportOptions, choose
from exporter.exports.order import Order
from exporter.exports.ordering import from_texts, invalid, order_of
from exporter.exports.run import Run
from exporter.http import disposition, query_string
from exporter.http.disconnection import unless_disconnected
from exporter.http.negotiation import VARY, content_coding
from exporter.http.ranges import refuse_part
from exporter.http.versions import refuse_without_chunks
from exporter.http.visit import Visit, visit_of
from exporter.limits.pace import Pace
from exporter.telemetry import ending
from exporter.web.places import place_of
from exporter.web.service import Service
from exporter.web.streaming import ExportResponse, HeadResponse, Rest
from formats.encoder import Format
from queries.acting import Acting
from queries.dataset import Dataset

_SHORT_QUERY = 2_048
"""Characters, which take a millisecond to read at most; two thousand timestamps take forty."""


async def answer(
    service: Service, principal: Principal, request: Request, dataset: Dataset, format_: Format
) -> Response:
    """Answer with the rows of a dataset in a format, or with the head that they would have."""
    service.access.refuse_export(request)
    refuse_without_chunks(request.scope)
    bounds, codes = service.limits.bounds_of(dataset), service.content_coding
    reading = partial(download, dataset, format_, request, principal.acting, bounds, codes=codes)
    downloading = await _off_loop(reading, request, service.threads)
    if service.embedded:
        downloading = _kept_as_it_is(downloading)
    if request.method == "HEAD":
        return HeadResponse(downloading.headers)
    refuse_part(request.scope.headers)
    return await _begun(service, principal, request, downloading)


class DownloadOptions(ExportOptions):
    """The options of every download."""

    filename: Annotated[str, Field(min_length=1, max_length=200)] | None = Field(
        None, description="The name under which the client stores the file."
    )


@dataclass(frozen=True, slots=True)
class Download:
    """An order, and how its document is named and labelled on the way."""

    order: Order
    headers: list[tuple[str, str]]


def download(  # noqa: PLR0913 - what a download is made of
    dataset: Dataset, format_: Format, request: Request, acting: Acting, bounds: Bounds, *, codes: bool = True
) -> Download:
    """Read an order from a request; see `_off_loop` for long ones.

    With `codes` the document is compressed if the client accepts a content coding.

    Raises:
        Problem: with everything that is wrong with the query string.
    """
    given, options = query_string.split(query_string.parse(request.scope.query_string))
    arguments, faults = from_texts(dataset.parameters, given)
    values, repeated = query_string.single(options)
    chosen, wrong = choose(format_, values, DownloadOptions, prefix="_")
    faults = [*faults, *repeated, *wrong]
    if chosen is None or faults:
        raise invalid(dataset, faults)
    order, coding = order_of(dataset, format_, arguments, chosen, bounds=bounds, acting=acting), None
    if codes and chosen.compression is None and format_.compressible:
        coding = content_coding(request.scope.headers.get("accept-encoding"), COMPRESSORS)
        order = replace(order, compression=coding)
    name = chosen.common.filename or disposition.default_name(dataset.name, _spoken(dataset, given), _today())
    return Download(order, _headers(order, format_, name, is_coding=coding is not None))


def _kept_as_it_is(downloading: Download) -> Download:
    """Have a host's middleware leave a compressed document alone: it compresses nothing that names a content coding."""
    order, headers = downloading.order, downloading.headers
    is_compressed = order.compression is not None or not (order.format and order.format.compressible)
    if is_compressed and all(name != "content-encoding" for name, _ in headers):
        headers = [*headers, ("content-encoding", "identity")]
    return Download(order, headers)


async def _off_loop(reading: Callable[[], Download], request: Request, threads: Executor) -> Download:
    """Read an order here, or in one of the threads if the request is so long that others would wait for it.

    Raises:
        Problem: as `reading` does.
    """
    if len(request.scope.query_string) <= _SHORT_QUERY:
        return reading()
    return await asyncio.get_running_loop().run_in_executor(threads, reading)


async def _begun(service: Service, principal: Principal, request: Request, downloading: Download) -> Response:
    """Start the export; return once the first of its bytes exist.

    Raises:
        Problem: the export failed before it had any; the log has the reason.
        Disconnected: the client left before it had any.
    """
    order, limits, visit = downloading.order, service.limits, visit_of(request.scope)
    place = place_of(principal, visit, order.dataset, order.dataset.header.max_exports or 0)
    run = service.engine.run(order, service.telemetry.origin(visit), turn=limits.admission.holding(place))
    chunks = run.chunks()

    async def first() -> bytes:
        await held.enter_async_context(_visited(run, visit))
        return await anext(chunks, b"")

    async with AsyncExitStack() as held:
        head = await unless_disconnected(request.protocol, first())
        pace = Pace(limits.paces, run.deadline, place)
        return ExportResponse(downloading.headers, head, Rest(chunks, held.pop_all()), pace, limits.connections)


@asynccontextmanager
async def _visited(run: Run, visit: Visit) -> AsyncIterator[None]:
    """Run an export, and tell the request's visit how it ended."""
    visit.export = run.order.id
    try:
        async with run:
            yield
    finally:
        if run.ended is not None:
            visit.ending = ending.fields(run.ended)


def _spoken(dataset: Dataset, given: Mapping[str, list[str]]) -> list[str]:
    """Return the arguments that a file's name may tell."""
    sensitive = {parameter.name for parameter in dataset.parameters if parameter.sensitive}
    return [value for name, values in given.items() if name not in sensitive for value in values if value]


def _today() -> str:
    return datetime.now(UTC).date().isoformat()


def _headers(order: Order, format_: Format, name: str, *, is_coding: bool) -> list[tuple[str, str]]:
    """Return the headers of a download, whose compression is that of the file unless it is a content coding."""
    extension, content_type = f".{format_.extension}", format_.content_type(order.options)
    if order.compression and not is_coding:
        suffix, content_type = FILES[order.compression]
        extension += suffix
    headers = [
        ("content-type", content_type),
        ("content-disposition", disposition.attachment(disposition.file_name(name, extension))),
        ("export-id", str(order.id)),
        ("link", f'<{order.dataset.name}>; rel="describedby"'),
        ("vary", VARY),
        ("accept-ranges", "none"),
        # A proxy that buffers would take the export at full speed, into its memory and then onto its disk.
        ("x-accel-buffering", "no"),
        ("cache-control", order.dataset.header.cache_control or "no-store"),
    ]
    return [*headers, ("content-encoding", order.compression)] if order.compression and is_coding else headers
