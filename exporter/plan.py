"""What an export will read and write, once the server has described its query."""

import asyncio
from collections import Counter
from collections.abc import Mapping, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass
from functools import partial

from exporter.database import Database
from exporter.http.problems import Fault, Problem, ProblemType
from exporter.order import Order
from formats.encoder import Encoder, Format, Layout, UnsupportedSchemaError
from queries.columns import resolve, text_schema, typed_schema
from queries.connection import Connection
from queries.dataset import Dataset
from queries.declaration import shown
from queries.describe import Description, describe, types_of
from queries.errors import QueryRejected, translated
from queries.types import Column, PgType

_FEW_COLUMNS = 64
"""At five to ten microseconds each they take less than a millisecond; a thousand columns would hold up the event loop,
and a few would wait longer for a thread than for their work."""


@dataclass(frozen=True, slots=True)
class Plan:
    """An order that fits the dataset's columns."""

    description: Description
    columns: Sequence[Column]
    """All columns of the query."""
    chosen: Sequence[int]
    """The positions in `columns` of those that the document has, in its order."""
    encoder: Encoder

    @property
    def outputs(self) -> list[Column]:
        """The columns of the document."""
        return [self.columns[position] for position in self.chosen]


async def plan(order: Order, database: Database, connection: Connection, threads: Executor) -> Plan:
    """Describe the dataset's query and fit the order to it.

    Raises:
        Problem: the order names other columns, or the format cannot hold them.
        QueryError: the server refuses the query.
    """
    format_, dataset = order.format, order.dataset
    metadata = {"dataset": dataset.name, "export_id": str(order.id)}
    if format_.layout is Layout.TYPED:
        # The first statement of the transaction takes its snapshot.
        with translated(values=False):
            taken = await connection.fetchval("SELECT pg_catalog.clock_timestamp()")
        metadata["snapshot_time"] = taken.isoformat()
    description = await describe(connection, dataset.query.numbered(), values=False)
    types = await types_of(connection, {attribute.oid for attribute in description.attributes}, database.types)
    fit = partial(_fit, order, description, types, metadata)
    if len(description.attributes) <= _FEW_COLUMNS:
        return fit()
    return await asyncio.get_running_loop().run_in_executor(threads, fit)


def _fit(order: Order, description: Description, types: Mapping[int, PgType], metadata: Mapping[str, str]) -> Plan:
    format_ = order.format
    columns = _resolved(order.dataset, description, types)
    chosen = _chosen([column.name for column in columns], order.columns)
    outputs = [columns[position] for position in chosen]
    _refuse_duplicates(format_, [column.name for column in outputs])
    schema = typed_schema(outputs) if format_.layout is Layout.TYPED else text_schema(outputs)
    try:
        encoder = format_.encoder(schema.with_metadata(metadata), order.options)
    except UnsupportedSchemaError as error:
        raise Problem(ProblemType.NOT_ACCEPTABLE, str(error)) from error
    return Plan(description, columns, chosen, encoder)


async def columns_of(
    dataset: Dataset, description: Description, database: Database, connection: Connection
) -> list[Column]:
    """Return the columns of a dataset's query.

    Raises:
        QueryError: the dataset declares columns that its query does not have, or as types that they cannot have.
    """
    types = await types_of(connection, {attribute.oid for attribute in description.attributes}, database.types)
    return _resolved(dataset, description, types)


def _resolved(dataset: Dataset, description: Description, types: Mapping[int, PgType]) -> list[Column]:
    try:
        return resolve(description.attributes, types, dataset.header.columns, dataset.header.on_unrepresentable)
    except ValueError as error:
        raise QueryRejected(str(error)) from error


def _chosen(names: list[str], wanted: Sequence[str] | None) -> list[int]:
    if wanted is None:
        return list(range(len(names)))
    counts = Counter(names)
    wanted = wanted[: len(names) + 1]  # of more, one of these is wrong
    wrong = {name: counts[name] for name in wanted if counts[name] != 1}
    faults = [
        Fault(
            "_columns",
            f"there are {count} columns named {shown(name)}" if count else f"there is no column {shown(name)}",
        )
        for name, count in wrong.items()
    ]
    faults += [Fault("_columns", f"names {shown(name)} twice") for name, count in Counter(wanted).items() if count > 1]
    if faults:
        raise Problem(ProblemType.INVALID_PARAMETERS, f"The columns are: {', '.join(names)}.", faults=faults)
    positions = {name: position for position, name in enumerate(names)}
    return [positions[name] for name in wanted]


def _refuse_duplicates(format_: Format, names: list[str]) -> None:
    twice = sorted(name for name, count in Counter(names).items() if count > 1)
    if format_.unique_names and twice:
        raise Problem(
            ProblemType.DUPLICATE_COLUMNS,
            f"{format_.title} needs names that differ, and these occur more than once: {', '.join(twice)}. "
            f"Give each its own alias in the dataset's query, such as {twice[0]}_2.",
        )
