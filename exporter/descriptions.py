"""Datasets as JSON."""

from collections.abc import Mapping, Sequence
from typing import Any

import orjson

from formats.encoder import Format
from queries.catalog import Catalog
from queries.connection import Connection
from queries.dataset import Dataset
from queries.describe import Description
from queries.errors import translated
from queries.parameters import json_schema
from queries.types import Column

_NOT_NULL = """
SELECT a.attrelid, a.attnum FROM pg_catalog.pg_attribute a
WHERE a.attnotnull AND a.attrelid OPERATOR(pg_catalog.=) ANY ($1::pg_catalog.oid[])
"""


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
            for parameter in dataset.parameters
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


async def columns(
    dataset: Dataset, described: Description, found: Sequence[Column], connection: Connection
) -> list[dict[str, Any]]:
    """Return a dataset's columns.

    `nullable` is false where a table's NOT NULL says so, and otherwise unknown (null): of a query's columns even a
    NOT NULL one can come out empty, through an outer join.
    """
    tables = sorted({attribute.table for attribute in described.attributes if attribute.table and dataset.header.table})
    with translated():
        rows = await connection.fetch(_NOT_NULL, tables) if tables else []
    never_null = {(row[0], row[1]) for row in rows}
    return [
        {
            "name": column.name,
            "postgres_type": column.postgres_type,
            "arrow_type": str(column.arrow_type),
            "nullable": False if (attribute.table, attribute.number) in never_null else None,
        }
        for attribute, column in zip(described.attributes, found, strict=True)
    ]
