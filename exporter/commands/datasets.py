"""`exporter datasets`: what there is, and what the authors of datasets need."""

import asyncio
import json
import os
from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import App, Parameter

from exporter.commands.options import DatabaseUrl, Datasets
from exporter.commands.output import fail, warn

if TYPE_CHECKING:
    from formats.encoder import Format
    from queries.catalog import Catalog

datasets = App(name="datasets", help="List, describe and write datasets.")

AsJson = Annotated[bool, Parameter(name="--json", help="Print JSON, as the service does.", negative="")]

_NOWHERE = "postgresql://"
"""Stands for a database that is not asked."""


@datasets.command(name="list")
def list_(*, datasets_: Annotated[Datasets, Parameter(name="--datasets")] = None, as_json: AsJson = False) -> None:
    """List the datasets of a folder with their parameters. The database is not asked."""
    from exporter.web.summary import summary

    catalog, formats = _catalog(datasets_)
    if as_json:
        _print(json.dumps({"datasets": [summary(dataset, formats) for dataset in catalog.values()]}, indent=2))
        return
    rows = [
        (dataset.name, " ".join(one.name for one in dataset.settable) or "-", dataset.title)
        for dataset in catalog.values()
    ]
    _print(_table([("NAME", "PARAMETERS", "TITLE"), *rows]))


@datasets.command
def show(
    name: Annotated[str, Parameter(help="The dataset.")],
    /,
    *,
    database_url: DatabaseUrl = None,
    datasets_: Annotated[Datasets, Parameter(name="--datasets")] = None,
    as_json: AsJson = False,
) -> None:
    """Describe a dataset: parameters, formats and, where a database is named, its columns."""
    from exporter.web.summary import summary

    asked = database_url or os.environ.get("EXPORTER_DATABASE_URL")
    catalog, formats = _catalog(datasets_, database_url)
    if name not in catalog:
        from queries.parameters import suggestion

        fail(f"there is no dataset {name}{suggestion(name, catalog)}")
    told: dict[str, Any] = summary(catalog[name], formats)
    if asked:
        from exporter.commands.asking import columns

        told["columns"] = columns(catalog[name])
    _print(json.dumps(told, indent=2) if as_json else _described(told))


@datasets.command
def new(
    name: Annotated[str, Parameter(help="The dataset to write.")],
    /,
    *,
    from_table: Annotated[str, Parameter(help='The table or view that it exports, such as public.orders or "Orders".')],
    force: Annotated[bool, Parameter(help="Overwrite the file.", negative="")] = False,
    database_url: DatabaseUrl = None,
    datasets_: Annotated[Datasets, Parameter(name="--datasets")] = None,
) -> None:
    """Write NAME.sql for a table: its columns with their comments, and a key to divide a large one by."""
    from exporter.commands import configured
    from exporter.commands.asking import table
    from exporter.commands.new_dataset import text_of
    from exporter.exports.file import NotWritten, check, store
    from queries.dataset import checked_name

    settings = configured.settings(database_url, datasets_)
    configured.check_database(settings)
    try:
        path = settings.datasets / f"{checked_name(name)}.sql"
        check(path, overwrite=force)
        text = text_of(table(settings, from_table))
        asyncio.run(store(_once(text.encode()), path, overwrite=force))
    except (ValueError, NotWritten) as error:
        fail(str(error))
    warn(f"{path} is written; `exporter check` has the database prepare it")


@datasets.command
def schema() -> None:
    """Print the JSON Schema of a dataset's header, with which an editor of TOML checks and completes it."""
    from queries.header_schema import schema as header_schema

    _print(json.dumps(header_schema(), indent=2))


def _catalog(folder: Path | None, database_url: str | None = None) -> "tuple[Catalog, Mapping[str, Format]]":
    from exporter.commands import configured
    from formats import registry

    if not (database_url or os.environ.get("EXPORTER_DATABASE_URL")):
        database_url = _NOWHERE
    return configured.catalog(configured.settings(database_url, folder)), registry.load()


def _described(told: Mapping[str, Any]) -> str:
    parts = [told["title"] if told["title"] == told["name"] else f"{told['name']}: {told['title']}"]
    if told["description"]:
        parts.append(told["description"])
    parameters = [
        (one["name"], one["type"], _default(one), one["schema"].get("description", "")) for one in told["parameters"]
    ]
    if parameters:
        parts.append(_table([("PARAMETER", "TYPE", "DEFAULT", "DESCRIPTION"), *parameters]))
    parts.append(_table([("FORMAT", "TITLE"), *((name, one["title"]) for name, one in told["formats"].items())]))
    columns = [
        (one["name"], one["postgres_type"], one["arrow_type"], "not null" if one["nullable"] is False else "")
        for one in told.get("columns", ())
    ]
    if columns:
        parts.append(_table([("COLUMN", "POSTGRESQL", "ARROW", ""), *columns]))
    return "\n\n".join(parts)


def _default(parameter: Mapping[str, Any]) -> str:
    if parameter["required"]:
        return "required"
    default = parameter["schema"].get("default")
    return "null" if default is None else json.dumps(default, ensure_ascii=False)


def _table(rows: list[tuple[str, ...]]) -> str:
    """Return rows with their columns one below the other."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = ("  ".join(text.ljust(width) for text, width in zip(row, widths, strict=True)) for row in rows)
    return "\n".join(line.rstrip() for line in lines)


async def _once(content: bytes) -> AsyncIterator[bytes]:
    yield content


def _print(text: str) -> None:
    print(text, flush=True)  # noqa: T201 - a command's answer
