"""The plan of an export, made once the server has described its query."""

import asyncio
from collections import Counter
from collections.abc import Mapping, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass
from datetime import datetime
from functools import partial

import pyarrow as pa

from exporter.exports.database import Database
from exporter.exports.order import Order
from exporter.problems import Fault, Problem, ProblemType
from formats.encoder import Encoder, Format, Layout, UnsupportedSchemaError
from queries.columns import resolve, text_schema, typed_schema
from queries.connection import Connection
from queries.dataset import Dataset
from queries.declaration import shown
from queries.describe import Description, describe, types_of
from queries.errors import QueryRejected, translated
from queries.types import Column, PgType

_FEW_COLUMNS = 64
"""At five to ten microseconds each, these take less than a millisecond. A thousand columns would block the event loop,
and a few would wait longer for a thread than their work takes."""

_NOW = "SELECT pg_catalog.clock_timestamp()"
_SNAPSHOT = f"{_NOW}, pg_catalog.pg_current_snapshot()::pg_catalog.text"


@dataclass(frozen=True, slots=True)
class Snapshot:
    """What an export sees: exactly what was committed before its first statement."""

    time: datetime
    """When it was taken, by the server's clock."""
    id: str | None
    """Its `pg_snapshot` as text, for a dated order."""


@dataclass(frozen=True, slots=True)
class Plan:
    """An order fitted to the dataset's columns."""

    description: Description
    columns: Sequence[Column]
    """All columns of the query."""
    chosen: Sequence[int]
    """The positions in `columns` of the exported columns, in the order of the export."""
    schema: pa.Schema
    """The Arrow schema, in the layout of the order; its metadata describes the export."""
    snapshot: Snapshot | None
    """None if neither the format nor the order needs it."""
    document: Encoder | None
    """The document's encoder; None for an order of record batches."""

    @property
    def encoder(self) -> Encoder:
        """The document's encoder.

        Raises:
            ValueError: the order is for record batches.
        """
        if self.document is None:
            raise ValueError("an order without a format has no document: read batches()")
        return self.document

    @property
    def outputs(self) -> list[Column]:
        """The columns of the export."""
        return [self.columns[position] for position in self.chosen]


async def plan(order: Order, database: Database, connection: Connection, threads: Executor) -> Plan:
    """Describe the dataset's query and fit the order to it.

    Raises:
        Problem: the order names unknown columns, or the format cannot hold them.
        QueryError: the server rejects the query.
    """
    snapshot = await _taken(order, connection)
    description = await describe(connection, order.dataset.query.numbered(), values=False)
    types = await types_of(connection, {attribute.oid for attribute in description.attributes}, database.types)
    fit = partial(_fit, order, description, types, snapshot)
    if len(description.attributes) <= _FEW_COLUMNS:
        return fit()
    return await asyncio.get_running_loop().run_in_executor(threads, fit)


async def _taken(order: Order, connection: Connection) -> Snapshot | None:
    """Take the snapshot, which the first statement of a transaction does, and return it if it is needed."""
    if order.layout is not Layout.TYPED and not order.dated:
        return None
    with translated(values=False):
        row = await connection.fetchrow(_SNAPSHOT if order.dated else _NOW)
    return Snapshot(row[0], row[1] if order.dated else None) if row else None


def _fit(order: Order, description: Description, types: Mapping[int, PgType], snapshot: Snapshot | None) -> Plan:
    columns = _resolved(order.dataset, description, types)
    chosen = _chosen([column.name for column in columns], order.columns)
    outputs = [columns[position] for position in chosen]
    schema = typed_schema(outputs) if order.layout is Layout.TYPED else text_schema(outputs)
    schema = schema.with_metadata(_metadata(order, snapshot))
    encoder = _encoder(order.format, order, schema) if order.format else None
    return Plan(description, columns, chosen, schema, snapshot, encoder)


def _metadata(order: Order, snapshot: Snapshot | None) -> dict[str, str]:
    taken = {"snapshot_time": snapshot.time.isoformat()} if snapshot else {}
    return {"dataset": order.dataset.name, "export_id": str(order.id)} | taken


def _encoder(format_: Format, order: Order, schema: pa.Schema) -> Encoder:
    _refuse_duplicates(format_, schema.names)
    try:
        return format_.encoder(schema, order.options)
    except UnsupportedSchemaError as error:
        raise Problem(ProblemType.NOT_ACCEPTABLE, str(error)) from error


async def columns_of(
    dataset: Dataset, description: Description, database: Database, connection: Connection
) -> list[Column]:
    """Return the columns of a dataset's query.

    Raises:
        QueryError: the dataset declares columns that its query does not have, or types that they cannot have.
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
    wanted = wanted[: len(names) + 1]  # with more names, one of these is wrong anyway
    wrong = {name: counts[name] for name in wanted if counts[name] != 1}
    faults = [
        _fault(f"there are {count} columns named {shown(name)}" if count else f"there is no column {shown(name)}")
        for name, count in wrong.items()
    ]
    faults += [_fault(f"names {shown(name)} twice") for name, count in Counter(wanted).items() if count > 1]
    if faults:
        raise Problem(ProblemType.INVALID_PARAMETERS, f"The columns are: {', '.join(names)}.", faults=faults)
    positions = {name: position for position, name in enumerate(names)}
    return [positions[name] for name in wanted]


def _fault(detail: str) -> Fault:
    return Fault("columns", detail, is_option=True)


def _refuse_duplicates(format_: Format, names: list[str]) -> None:
    twice = sorted(name for name, count in Counter(names).items() if count > 1)
    if format_.unique_names and twice:
        raise Problem(
            ProblemType.DUPLICATE_COLUMNS,
            f"{format_.title} requires unique column names, and these occur more than once: {', '.join(twice)}. "
            f"Give each its own alias in the dataset's query, such as {twice[0]}_2.",
        )
