"""A dataset and its columns as members of JSON."""

from collections.abc import Mapping
from typing import Any

from exporter.exports.description import ColumnDescription
from formats.encoder import Format
from queries.dataset import Dataset
from queries.parameters import json_schema


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


def column_summary(column: ColumnDescription) -> dict[str, object]:
    """Return what is known of a column."""
    return {
        "name": column.name,
        "postgres_type": column.postgres_type,
        "arrow_type": str(column.arrow_type),
        "nullable": column.nullable,
    }
