"""What the commands about datasets ask of the database."""

import asyncio
from typing import Any

from exporter.commands import configured
from exporter.commands.output import fail
from exporter.exports.description import described
from exporter.settings.engine import database
from exporter.settings.settings import Settings
from exporter.web.summary import column_summary
from queries.acting import Acting
from queries.dataset import Dataset
from queries.errors import QueryError
from queries.header import Header
from queries.table import Table, table_of


def columns(dataset: Dataset) -> list[dict[str, Any]]:
    """Return what the database says of a dataset's columns; end the command if it cannot be asked."""
    settings = configured.settings(None, None)
    configured.check_database(settings)

    async def ask() -> list[dict[str, Any]]:
        source = database(settings)
        try:
            return [column_summary(column) for column in await described(dataset, Acting(), source)]
        finally:
            await source.pool.close()

    try:
        return asyncio.run(ask())
    except QueryError as error:
        fail(f"{dataset.name}: the database refuses it or cannot be asked: {error}")


def table(settings: Settings, name: str) -> Table:
    """Return a table; end the command if the database cannot be asked.

    Raises:
        ValueError: there is none of the name, or it cannot be one.
    """
    quoted = Header(table=name).table or ""

    async def ask() -> Table | None:
        source = database(settings)
        try:
            async with source.pool.transaction("exporter datasets") as connection:
                return await table_of(connection, quoted)
        finally:
            await source.pool.close()

    try:
        found = asyncio.run(ask())
    except QueryError as error:
        fail(f"the database cannot be asked: {error}")
    if found is None:
        raise ValueError(f"there is no table or view {name}: name its schema too, such as sales.orders")
    return found
