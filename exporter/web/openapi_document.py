"""The OpenAPI 3.1 document, generated from the catalog: a path for each dataset and format."""

from collections.abc import Mapping
from importlib.metadata import version
from typing import Any

import orjson
from pydantic.json_schema import model_json_schema

from exporter.exports.compression import FILES
from exporter.exports.options import option_models
from exporter.http.problems import MEDIA_TYPE, STATUS
from exporter.problems import ProblemType
from exporter.web.downloads import DownloadOptions
from formats.encoder import Format
from queries.catalog import Catalog
from queries.dataset import Dataset
from queries.parameters import json_schema

_PROBLEM = {
    "type": "object",
    "required": ["type", "title", "status", "detail"],
    "properties": {
        "type": {"type": "string", "enum": [problem.urn for problem in ProblemType]},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "detail": {"type": "string", "description": "What to do next."},
        "instance": {"type": "string", "description": "The export's id, as in the service's log."},
        "errors": {
            "type": "array",
            "items": {
                "type": "object",
                "required": ["parameter", "detail"],
                "properties": {"parameter": {"type": "string"}, "detail": {"type": "string"}},
            },
        },
        "more_errors": {"type": "integer", "description": "The number of errors that are not listed."},
    },
}

_CREDENTIALS = {
    "bearer": {"type": "http", "scheme": "bearer", "description": "The token of an API key, or a JWT."},
    "basic": {"type": "http", "scheme": "basic", "description": "The token as the password, with any user name."},
}
_RANGE = {
    "name": "Range",
    "in": "header",
    "required": False,
    "schema": {"type": "string"},
    "description": "Exports cannot be resumed: a range that does not start at byte 0 is refused, any other is ignored.",
}
_ALWAYS = (400, 406, 413, 431)
_CALLER_PROBLEMS = (401, 403, 429, 503)
"""The statuses that any request may get before its target is considered."""

_EXPORT_PROBLEMS = (409, 422, 500, 504, 505)


def document(catalog: Catalog, formats: Mapping[str, Format], root_path: str) -> bytes:
    """Return the document of a service below a path; it depends only on the path, the catalog and the formats."""
    return orjson.dumps(_document(catalog, formats, root_path))


def _document(catalog: Catalog, formats: Mapping[str, Format], root_path: str) -> dict[str, Any]:
    paths: dict[str, Any] = {
        "/datasets": {"get": _json_operation("listDatasets", "Every dataset", "catalog", *_CALLER_PROBLEMS)},
        "/healthz": {"get": _open(_json_operation("health", "Whether the worker runs", "operations"))},
        "/readyz": {"get": _open(_json_operation("readiness", "Whether an export could start now", "operations", 503))},
    }
    options = {extension: _options(format_) for extension, format_ in formats.items()}
    for dataset in catalog.values():
        problems = (*_CALLER_PROBLEMS, 409, 422)
        described = _json_operation(f"describe.{dataset.name}", f"About {dataset.title}", "catalog", *problems)
        paths[f"/datasets/{dataset.name}"] = {"get": described}
        for extension, format_ in formats.items():
            paths[f"/datasets/{dataset.name}.{extension}"] = {
                "get": _export_operation(dataset, format_, options[extension])
            }
    return {
        "openapi": "3.1.0",
        "info": {"title": "Exporter", "version": version("velithon-exporter")},
        # Not relative to the document: paths are appended to it, so "." would give two slashes.
        **({"servers": [{"url": root_path}]} if root_path else {}),
        "paths": paths,
        "components": {"schemas": {"Problem": _PROBLEM}, "securitySchemes": _CREDENTIALS},
        # The operator decides whether credentials are required.
        "security": [{"bearer": []}, {"basic": []}, {}],
    }


def _open(operation: dict[str, Any]) -> dict[str, Any]:
    return operation | {"security": []}


def _json_operation(operation_id: str, title: str, tag: str, *problems: int) -> dict[str, Any]:
    answer = {"description": title, "content": {"application/json": {"schema": {"type": "object"}}}}
    return {
        "operationId": operation_id,
        "summary": title,
        "tags": [tag],
        "responses": {"200": answer} | _problem_responses(*problems, *_ALWAYS),
    }


def _export_operation(dataset: Dataset, format_: Format, options: list[dict[str, Any]]) -> dict[str, Any]:
    body = {"schema": {"type": "string", "format": "binary"}}
    files = [media_type for _, media_type in FILES.values()] if format_.compressible else []
    headers = {"Export-Id": {"schema": {"type": "string", "format": "uuid"}}}
    return {
        "operationId": f"export.{dataset.name}.{format_.name}",
        "summary": f"{dataset.title} as {format_.title}",
        "description": dataset.header.description,
        "tags": ["exports"],
        "parameters": [*_arguments(dataset), *options, _RANGE],
        "responses": {
            "200": {
                "description": "The rows, streamed. If the body has no end, the export is incomplete.",
                "headers": headers,
                "content": dict.fromkeys([format_.media_types[0], *files], body),
            }
        }
        | _problem_responses(*_CALLER_PROBLEMS, *_EXPORT_PROBLEMS, *_ALWAYS),
    }


def _arguments(dataset: Dataset) -> list[dict[str, Any]]:
    return [
        {"name": parameter.name, "in": "query", "required": parameter.required, "schema": json_schema(parameter)}
        for parameter in dataset.settable
    ]


def _options(format_: Format) -> list[dict[str, Any]]:
    return [
        {"name": f"_{name}", "in": "query", "required": False, "schema": schema}
        for model in option_models(format_, DownloadOptions)
        for name, schema in model_json_schema(model)["properties"].items()
    ]


def _problem_responses(*statuses: int) -> dict[str, Any]:
    content = {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}}
    titles = {status: [problem.title for problem in ProblemType if STATUS[problem] == status] for status in statuses}
    return {str(status): {"description": "; ".join(titles[status]), "content": content} for status in statuses}
