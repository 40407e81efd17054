"""`GET /datasets` and `GET /datasets/{name}`: the list of datasets, and the description of one."""

import logging
from collections.abc import Mapping

import orjson
from velithon.requests import Request
from velithon.responses import Response

from exporter.access.principal import Principal
from exporter.exports.identifier import uuid7
from exporter.http import query_string
from exporter.http.disconnection import unless_disconnected
from exporter.http.visit import Visit, visit_of
from exporter.problems import Fault, Problem, ProblemType
from exporter.web import downloads
from exporter.web.places import place_of
from exporter.web.service import JSON, Service, json_response, offer
from exporter.web.summary import column_summary, summary
from formats.encoder import Format
from queries.catalog import Catalog
from queries.dataset import Dataset

log = logging.getLogger(__name__)


async def answer_list(service: Service, principal: Principal, request: Request) -> Response:
    """Answer with every dataset that the caller may read."""
    offer(request, JSON)
    return json_response(await service.document("list", listed, principal))


async def answer(service: Service, principal: Principal, request: Request) -> Response:
    """Answer with a dataset's description, or stream its rows."""
    dataset, format_ = await _find(service, request.path_params["name"], principal)
    visit = visit_of(request.scope)
    visit.dataset = dataset
    format_ = format_ or _negotiated(service, request)
    if format_ is not None:
        return await downloads.answer(service, principal, request, dataset, format_)
    _refuse_parameters(dataset, request)
    return await unless_disconnected(request.protocol, _description(service, principal, visit, dataset))


def listed(catalog: Catalog, formats: Mapping[str, Format]) -> bytes:
    """Return all datasets of a catalog as JSON; the document's URL is beside the folder of the datasets."""
    return orjson.dumps({"datasets": [summary(dataset, formats, "datasets/") for dataset in catalog.values()]})


async def _find(service: Service, name: str, principal: Principal) -> tuple[Dataset, Format | None]:
    """Return the dataset, and the format if the name ends in a format's extension.

    A dataset that the caller may not read gets the same response as one that does not exist.
    """
    formats = service.formats
    if dataset := await service.find(name, principal):
        return dataset, None
    stem, _, extension = name.rpartition(".")
    dataset = await service.find(stem, principal)
    if dataset and extension in formats:
        return dataset, formats[extension]
    if dataset:
        raise Problem(ProblemType.UNKNOWN_FORMAT, f"Available formats: {', '.join(formats)}.")
    raise Problem(ProblemType.UNKNOWN_DATASET, "GET /datasets lists the available datasets.")


def _negotiated(service: Service, request: Request) -> Format | None:
    """Return the format that Accept prefers, or None if it prefers the description."""
    by_type = {media: format_ for format_ in service.formats.values() for media in format_.media_types}
    return by_type.get(offer(request, JSON, *by_type))


def _refuse_parameters(dataset: Dataset, request: Request) -> None:
    """Refuse parameters without an extension, instead of answering with a description that ignores them."""
    given = query_string.parse(request.scope.query_string)
    if given:
        raise Problem(
            ProblemType.INVALID_PARAMETERS,
            f"This URL describes the dataset. For its rows, request {dataset.name}.csv or another format.",
            faults=[Fault(name, "is only for exports") for name in given],
        )


async def _description(service: Service, principal: Principal, visit: Visit, dataset: Dataset) -> Response:
    """Describe a dataset. This needs a connection, and so a place among the exports."""
    async with service.limits.admission.holding(place_of(principal, visit, dataset)):
        try:
            columns = await service.engine.describe(dataset, principal.acting)
        except Problem as problem:
            problem.export_id = uuid7()
            _log(problem, dataset)
            raise
    return json_response(
        summary(dataset, service.formats) | {"columns": [column_summary(column) for column in columns]}
    )


def _log(problem: Problem, dataset: Dataset) -> None:
    cause = problem.__cause__
    reason = f"{type(cause).__name__}: {cause}" if cause else problem.detail
    log.error(
        "description failed",
        extra={"fields": {"id": str(problem.export_id), "dataset": dataset.name, "reason": reason}},
    )
