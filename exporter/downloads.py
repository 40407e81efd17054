"""`GET /datasets/{name}.{ext}`: from a request to the streamed response."""

import asyncio
from collections.abc import AsyncGenerator, Callable, Mapping
from concurrent.futures import Executor
from dataclasses import dataclass
from datetime import UTC, datetime

from velithon.requests import Request
from velithon.responses import Response

from exporter.access.principal import Principal
from exporter.compression import COMPRESSORS, FILES
from exporter.failures import problem_of
from exporter.http import disposition, query_string
from exporter.http.negotiation import VARY, content_coding
from exporter.http.problems import Fault, Problem, ProblemType
from exporter.identity import uuid7
from exporter.limits.bounds import Bounds
from exporter.limits.connections import Connections
from exporter.limits.pace import Pace
from exporter.options import option_models
from exporter.order import Order
from exporter.response import Disconnected, ExportResponse, HeadResponse, unless_disconnected
from formats.encoder import Format
from queries.dataset import Dataset
from queries.parameters import validate

_SHORT_QUERY = 2_048
"""Characters, which take a millisecond to read at most; two thousand timestamps take forty."""


@dataclass(frozen=True, slots=True)
class Download:
    """An order, and how its document is named and labelled on the way."""

    order: Order
    headers: list[tuple[str, str]]


def download(dataset: Dataset, format_: Format, request: Request, principal: Principal, bounds: Bounds) -> Download:
    """Read an order from a request; see `off_loop` for long ones.

    Raises:
        Problem: with everything that is wrong with the query string.
    """
    given, options = query_string.split(query_string.parse(request.scope.query_string))
    arguments, wrong = validate(dataset.parameters, given)
    faults = [Fault(fault.parameter, fault.message) for fault in wrong]
    models = option_models(format_)
    instances, option_faults = query_string.options_of(models, options)
    if faults or option_faults:
        raise Problem(
            ProblemType.INVALID_PARAMETERS,
            f"Correct them; GET /datasets/{dataset.name} describes what the dataset takes.",
            faults=[*faults, *option_faults],
        )
    common, own, *rest = instances
    file_coding = rest[0].compression if rest else None
    coding = None
    if file_coding is None and format_.compressible:
        coding = content_coding(request.scope.headers.get("accept-encoding"), COMPRESSORS)
    order = Order(
        id=uuid7(),
        principal=principal,
        dataset=dataset,
        arguments=arguments,
        format=format_,
        options=own,
        columns=tuple(common.columns.split(",")) if common.columns else None,
        limit=common.limit,
        ordered=common.ordered,
        compressor=COMPRESSORS.get(file_coding or coding or ""),
        bounds=bounds,
    )
    name = common.filename or disposition.default_name(dataset.name, _spoken(dataset, given), _today())
    return Download(order, _headers(order, name, file_coding, coding))


async def off_loop(reading: Callable[[], Download], request: Request, threads: Executor) -> Download:
    """Read an order here, or in one of the threads if the request is so long that others would wait for it.

    Raises:
        Problem: as `reading` does.
    """
    if len(request.scope.query_string) <= _SHORT_QUERY:
        return reading()
    return await asyncio.get_running_loop().run_in_executor(threads, reading)


async def stream(
    downloading: Download, request: Request, chunks: AsyncGenerator[bytes], pace: Pace, connections: Connections
) -> Response:
    """Start the export that yields the chunks; return once the first of its bytes exist.

    Raises:
        Problem: the export failed before it had any; the log has the reason.
        Disconnected: the client left before it had any.
    """
    try:
        first = await unless_disconnected(request.protocol, anext(chunks, b""))
    except Disconnected:
        raise
    except Exception as error:
        problem = problem_of(error)
        problem.export_id = downloading.order.id
        raise problem from error
    return ExportResponse(downloading.headers, first, chunks, pace, connections)


def head(downloading: Download) -> Response:
    """Return the headers that the download would have, without running it."""
    return HeadResponse(downloading.headers)


def _spoken(dataset: Dataset, given: Mapping[str, list[str]]) -> list[str]:
    """Return the arguments that a file's name may tell."""
    sensitive = {parameter.name for parameter in dataset.parameters if parameter.sensitive}
    return [value for name, values in given.items() if name not in sensitive for value in values if value]


def _today() -> str:
    return datetime.now(UTC).date().isoformat()


def _headers(order: Order, name: str, file_coding: str | None, coding: str | None) -> list[tuple[str, str]]:
    extension, content_type = f".{order.format.extension}", order.format.content_type(order.options)
    if file_coding is not None:
        suffix, content_type = FILES[file_coding]
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
    return [*headers, ("content-encoding", coding)] if coding else headers
