"""`GET /datasets` and `GET /datasets/{name}`: which datasets there are, and what one is."""

import logging
from collections.abc import Mapping
from typing import Any

import orjson
from velithon.requests import Request
from velithon.responses import Response

from exporter.access.principal import Principal
from exporter.exports.description import ColumnDescription
from exporter.exports.identifier import uuid7
from exporter.http import query_string
from exporter.http.disconnection import unless_disconnected
from exporter.http.visit import Visit, visit_of
from exporter.problems import Fault, Problem, ProblemType
from exporter.web import downloads
from exporter.web.places import place_of
from exporter.web.service import JSON, Service, json_response, offer
from formats.encoder import Format
from queries.catalog import Catalog
from queries.dataset import Dataset
from queries.parameters import json_schema

log = logging.getLogger(__name__)


async def answer_list(service: Service, principal: Principal, request: Request) -> Response:
    """Answer with every dataset that the caller may read."""
    offer(request, JSON)
    return json_response(await service.document("list", listed, principal))


async def answer(service: Service, principal: Principal, request: Request) -> Response:
    """Answer with a dataset's description, or stream its rows."""
    dataset, format_ = _find(service, request.path_params["name"], principal)
    visit = visit_of(request.scope)
    visit.dataset = dataset
    format_ = format_ or _negotiated(service, request)
    if format_ is not None:
        return await downloads.answer(service, principal, request, dataset, format_)
    _refuse_parameters(dataset, request)
    return await unless_disconnected(request.protocol, _description(service, principal, visit, dataset))


def listed(catalog: Catalog, formats: Mapping[str, Format]) -> bytes:
    """Return all datasets of a catalogue as a document of JSON, which is beside the folder of the datasets."""
    return orjson.dumps({"datasets": [summary(dataset, formats, "datasets/") for dataset in catalog.values()]})


def summary(dataset: Dataset, formats: Mapping[str, Format], folder: str = "") -> dict[str, Any]:
    """Return what is known of a dataset without asking the database.

    Its paths are relative to the document's own address, whatever that is behind a proxy; `folder` leads to them.
    """
    return {
        "name": dataset.name,
        "title": dataset.title,
        "description": dataset.header.description,
        "parameters": [
            {
                "name": parameter.name,
                "type": parameter.type,
                "required": parameter.required,
                "nullable": parameter.nullable,
                "schema": json_schema(parameter),
            }
            for parameter in dataset.settable
        ],
        "formats": {
            extension: {
                "title": format_.title,
                "media_type": format_.media_types[0],
                "path": f"{folder}{dataset.name}.{extension}",
            }
            for extension, format_ in formats.items()
        },
    }


def _find(service: Service, name: str, principal: Principal) -> tuple[Dataset, Format | None]:
    """Return the dataset, and the format if the name ends in the extension of one.

    What the caller may not read is answered exactly like what is not there.
    """
    catalog, formats = service.catalog, service.formats
    if name in catalog and principal.may_read(name):
        return catalog[name], None
    stem, _, extension = name.rpartition(".")
    known = stem in catalog and principal.may_read(stem)
    if known and extension in formats:
        return catalog[stem], formats[extension]
    if known:
        raise Problem(ProblemType.UNKNOWN_FORMAT, f"{stem} is offered as {', '.join(formats)}.")
    raise Problem(ProblemType.UNKNOWN_DATASET, "GET /datasets lists what there is.")


def _negotiated(service: Service, request: Request) -> Format | None:
    """Return the format that Accept prefers to a description, or None for the description."""
    by_type = {media: format_ for format_ in service.formats.values() for media in format_.media_types}
    return by_type.get(offer(request, JSON, *by_type))


def _refuse_parameters(dataset: Dataset, request: Request) -> None:
    """Tell a caller who forgot the extension, instead of answering with a description that ignores the parameters."""
    given = query_string.parse(request.scope.query_string)
    if given:
        raise Problem(
            ProblemType.INVALID_PARAMETERS,
            f"This describes the dataset; for its rows ask for {dataset.name}.csv or another format.",
            faults=[Fault(name, "is for exports only") for name in given],
        )


async def _description(service: Service, principal: Principal, visit: Visit, dataset: Dataset) -> Response:
    """Describe a dataset; that takes a connection, and so a place among the exports."""
    async with service.limits.admission.holding(place_of(principal, visit, dataset)):
        try:
            columns = await service.engine.describe(dataset, principal.acting)
        except Problem as problem:
            problem.export_id = uuid7()
            _log(problem, dataset)
            raise
    return json_response(summary(dataset, service.formats) | {"columns": [_column(column) for column in columns]})


def _column(column: ColumnDescription) -> dict[str, object]:
    return {
        "name": column.name,
        "postgres_type": column.postgres_type,
        "arrow_type": str(column.arrow_type),
        "nullable": column.nullable,
    }


def _log(problem: Problem, dataset: Dataset) -> None:
    cause = problem.__cause__
    reason = f"{type(cause).__name__}: {cause}" if cause else problem.detail
    log.error(
        "description failed",
        extra={"fields": {"id": str(problem.export_id), "dataset": dataset.name, "reason": reason}},
    )
