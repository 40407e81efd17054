"""The columns of a dataset, without its rows."""

from dataclasses import dataclass

import pyarrow as pa

from exporter.exports.database import Database
from exporter.exports.plan import columns_of
from queries.acting import Acting
from queries.connection import Connection
from queries.dataset import Dataset
from queries.describe import Description, describe
from queries.errors import translated

_NOT_NULL = """
SELECT a.attrelid, a.attnum FROM pg_catalog.pg_attribute a
WHERE a.attnotnull AND a.attrelid OPERATOR(pg_catalog.=) ANY ($1::pg_catalog.oid[])
"""


@dataclass(frozen=True, slots=True)
class ColumnDescription:
    """One column of a dataset."""

    name: str
    postgres_type: str
    arrow_type: pa.DataType
    nullable: bool | None
    """False if the dataset is a table and the column is NOT NULL, otherwise unknown (None): in a query, an outer join
    can make even a NOT NULL column empty."""


async def described(dataset: Dataset, acting: Acting, database: Database) -> list[ColumnDescription]:
    """Return a dataset's columns, in its order.

    Raises:
        QueryError: the server rejects the query, or cannot be reached.
    """
    async with database.pool.transaction("exporter describe", acting=acting) as connection:
        description = await describe(connection, dataset.query.numbered(), values=False)
        columns = await columns_of(dataset, description, database, connection)
        never_null = await _never_null(dataset, description, connection)
    return [
        ColumnDescription(
            column.name,
            column.postgres_type,
            column.arrow_type,
            False if (attribute.table, attribute.number) in never_null else None,
        )
        for attribute, column in zip(description.attributes, columns, strict=True)
    ]


async def _never_null(dataset: Dataset, description: Description, connection: Connection) -> set[tuple[int, int]]:
    """Return the NOT NULL columns of a dataset's table, as pairs of the table's oid and the column's number."""
    tables = sorted(
        {attribute.table for attribute in description.attributes if attribute.table and dataset.header.table}
    )
    if not tables:
        return set()
    with translated():
        return {(row[0], row[1]) for row in await connection.fetch(_NOT_NULL, tables)}
