"""`GET /datasets/{name}.{ext}`: from a request to the streamed response."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
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
from queries.dataset import Dataset

_SHORT_QUERY = 2_048
"""Characters, which take at most a millisecond to parse; two thousand timestamps take forty."""


async def answer(
    service: Service, principal: Principal, request: Request, dataset: Dataset, format_: Format
) -> Response:
    """Answer with the rows of a dataset in a format, as the query string orders them."""
    bounds, codes = service.limits.bounds_of(dataset), service.content_coding
    reading = partial(download, dataset, format_, request, principal, bounds, codes=codes)
    return await answer_with(service, principal, request, partial(_off_loop, reading, request, service.threads))


async def answer_with(
    service: Service, principal: Principal, request: Request, reading: Callable[[], Awaitable["Download"]]
) -> Response:
    """Answer with the download that `reading` returns, or with the head that it would have.

    Raises:
        Problem: the request cannot have an export, or whatever `reading` or the export raises before its first byte.
    """
    service.access.refuse_export(request)
    refuse_without_chunks(request.scope)
    downloading = await reading()
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
    """An order, and the headers of its response."""

    order: Order
    headers: list[tuple[str, str]]


def download(  # noqa: PLR0913 - a download has as many parts
    dataset: Dataset, format_: Format, request: Request, principal: Principal, bounds: Bounds, *, codes: bool = True
) -> Download:
    """Read an order from a request; see `_off_loop` for long ones.

    With `codes`, the document is compressed if the client accepts a content coding.

    Raises:
        Problem: the query string is invalid, with every fault listed; or a claim of the caller's is missing.
    """
    given, options = query_string.split(query_string.parse(request.scope.query_string))
    arguments, faults = from_texts(dataset.parameters, given)
    values, repeated = query_string.single(options)
    chosen, wrong = choose(format_, values, DownloadOptions, prefix="_")
    faults = [*faults, *repeated, *wrong]
    if chosen is None or faults:
        raise invalid(dataset, faults)
    acting, claims = principal.acting, principal.known
    order = order_of(dataset, format_, arguments, chosen, bounds=bounds, acting=acting, claims=claims)
    labelled = label(order, format_, request, chosen.common.filename or default_name(dataset, given), codes=codes)
    return Download(labelled.order, [*labelled.headers, ("link", f'<{dataset.name}>; rel="describedby"')])


def label(order: Order, format_: Format, request: Request, name: str, *, codes: bool) -> Download:
    """Return an order with the headers of its document, whose file has a name without an extension.

    With `codes` the document is compressed if the client accepts a content coding.
    """
    coding = None
    if codes and order.compression is None and format_.compressible:
        coding = content_coding(request.scope.headers.get("accept-encoding"), COMPRESSORS)
        order = replace(order, compression=coding)
    return Download(order, _headers(order, format_, name, is_coding=coding is not None))


def default_name(dataset: Dataset, given: Mapping[str, Sequence[str]]) -> str:
    """Return the name of a file, without its extension, from the arguments that were given."""
    return disposition.default_name(dataset.name, _file_name_parts(dataset, given), _today())


def _kept_as_it_is(downloading: Download) -> Download:
    """Have a host's middleware leave a compressed document alone: it compresses nothing that names a content coding."""
    order, headers = downloading.order, downloading.headers
    is_compressed = order.compression is not None or not (order.format and order.format.compressible)
    if is_compressed and all(name != "content-encoding" for name, _ in headers):
        headers = [*headers, ("content-encoding", "identity")]
    return Download(order, headers)


async def _off_loop(reading: Callable[[], Download], request: Request, threads: Executor) -> Download:
    """Read an order here, or in a thread if the request is so long that others would wait for it.

    Raises:
        Problem: `reading` raised it.
    """
    if len(request.scope.query_string) <= _SHORT_QUERY:
        return reading()
    return await asyncio.get_running_loop().run_in_executor(threads, reading)


async def _begun(service: Service, principal: Principal, request: Request, downloading: Download) -> Response:
    """Start the export; return once it has its first bytes.

    Raises:
        Problem: the export failed before its first byte; the log has the reason.
        Disconnected: the client disconnected before the first byte.
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
    """Run an export, and record in the request's visit how it ended."""
    visit.export = run.order.id
    try:
        async with run:
            yield
    finally:
        if run.ended is not None:
            visit.ending = ending.fields(run.ended)


def _file_name_parts(dataset: Dataset, given: Mapping[str, Sequence[str]]) -> list[str]:
    """Return the arguments that may appear in a file name."""
    sensitive = {parameter.name for parameter in dataset.parameters if parameter.sensitive}
    return [value for name, values in given.items() if name not in sensitive for value in values if value]


def _today() -> str:
    return datetime.now(UTC).date().isoformat()


def _headers(order: Order, format_: Format, name: str, *, is_coding: bool) -> list[tuple[str, str]]:
    """Return the headers of a download; its compression is the file's unless it is a content coding."""
    extension, content_type = f".{format_.extension}", format_.content_type(order.options)
    if order.compression and not is_coding:
        suffix, content_type = FILES[order.compression]
        extension += suffix
    headers = [
        ("content-type", content_type),
        ("content-disposition", disposition.attachment(disposition.file_name(name, extension))),
        ("export-id", str(order.id)),
        ("vary", VARY),
        ("accept-ranges", "none"),
        # A buffering proxy would read the export at full speed, into its memory and then onto its disk.
        ("x-accel-buffering", "no"),
        ("cache-control", order.dataset.header.cache_control or "no-store"),
    ]
    return [*headers, ("content-encoding", order.compression)] if order.compression and is_coding else headers
