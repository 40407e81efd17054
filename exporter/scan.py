"""How the rows of an export are read: by one COPY, or those of a large table by several at once."""

import logging
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import replace
from functools import partial
from typing import TypeAlias

from exporter.database import Database
from exporter.order import Order
from exporter.plan import Plan
from formats.encoder import Layout
from queries.binding import bind
from queries.connection import Connection, text_encoding
from queries.copy import copy
from queries.cursor import cursor
from queries.declaration import Value
from queries.explain import estimated_rows, explained
from queries.key_ranges import key_ranges
from queries.page_ranges import page_ranges, size_of
from queries.parallel import parallel
from queries.projection import Projection, project
from queries.source import Dialect, Reading, Source
from queries.stability import unstable
from queries.walk import Walk

log = logging.getLogger(__name__)

_Division: TypeAlias = tuple[Walk | None, int]

_PROJECTIONS = {Layout.CSV: Projection.CSV, Layout.TEXT: Projection.TEXT, Layout.TYPED: Projection.TYPED}

_BYTES_EACH = 32 * 2**20
"""What makes another connection worth its while: some 30 ms of reading."""


@asynccontextmanager
async def fetch(order: Order, database: Database, connection: Connection, planned: Plan) -> AsyncIterator[Source]:
    """Read the order's rows by a cursor. See `scan`."""
    projected = projection(order, planned, connection, as_bytes=True)(order.dataset.query.numbered(), limit=order.limit)
    arguments = list(order.arguments.values())
    await check_estimate(order, connection, projected, arguments)
    reads = replace(reading(order, planned, connection), encodes=True)
    async with cursor(connection, projected, arguments, reads) as source:
        yield source


@asynccontextmanager
async def scan(order: Order, database: Database, connection: Connection, planned: Plan) -> AsyncIterator[Source]:
    """Read the order's rows by COPY for as long as the context lasts.

    Raises:
        Exceeded: the planner expects too many rows.
        QueryError: the query or an argument was refused. What fails later is raised to who reads the rows.
    """
    reads = reading(order, planned, connection)
    if reads.casts:  # which a COPY cannot do between its rows
        async with fetch(order, database, connection, planned) as source:
            yield source
        return
    dataset = order.dataset
    sql = await bind(connection, dataset.query, list(order.arguments.values()), planned.description)
    projected = projection(order, planned, connection)
    await check_estimate(order, connection, projected(sql, limit=order.limit))
    async with AsyncExitStack() as stack:
        connections = [connection]
        walk, more = await _division(order, database, connection, planned, sql)
        if walk is not None:
            joining = database.followers.joining(connection, more, sql, partial(database.transaction, order))
            connections += await stack.enter_async_context(joining)
        if walk is not None and len(connections) > 1:
            scanning = parallel(connections, walk, projected, reads, ordered=order.ordered)
            yield await stack.enter_async_context(scanning)
        else:
            yield await stack.enter_async_context(copy(connection, projected(sql), reads))


async def check_estimate(order: Order, connection: Connection, sql: str, arguments: Sequence[Value] = ()) -> None:
    """Ask the planner how many rows it expects of a query, where there is a limit to that.

    Raises:
        Exceeded: more than there may be.
        QueryError: the server failed.
    """
    if order.bounds.max_estimated_rows:
        order.bounds.check_estimate(await estimated_rows(connection, sql, arguments))


async def _division(order: Order, database: Database, connection: Connection, planned: Plan, sql: str) -> _Division:
    """Return the parts of the query, and how many more connections they are worth; None where it is read at once."""
    most = min(database.parallel - 1, database.followers.spare) if order.limit is None else 0
    if most > 0 and order.dataset.header.table:
        return await _pages(connection, order.dataset.header.table, planned, most)
    if most > 0 and order.dataset.header.split_by:
        return await _ranges(order, connection, planned, sql, most)
    return None, 0


async def _pages(connection: Connection, table: str, planned: Plan, most: int) -> _Division:
    size = await size_of(connection, table)
    more = min(most, size // _BYTES_EACH)
    names = [attribute.name for attribute in planned.description.attributes]
    return (await page_ranges(connection, table, names, size) if more else None), more


async def _ranges(order: Order, connection: Connection, planned: Plan, sql: str, most: int) -> _Division:
    plan = await explained(connection, sql, verbose=True)
    size = int(plan["Plan Rows"] * plan["Plan Width"])
    more = min(most, size // _BYTES_EACH)
    if more and (reasons := await unstable(connection, sql, plan)):
        log.warning("%s is read by one connection: %s differ between several", order.dataset.name, ", ".join(reasons))
        more = 0
    key, attributes = order.dataset.header.split_by or "", planned.description.attributes
    return (await key_ranges(connection, sql, attributes, key, size) if more else None), more


def projection(order: Order, planned: Plan, connection: Connection, *, as_bytes: bool = False) -> "partial[str]":
    """Return what makes of the dataset's query, or of a part of it, the one that gives the order's columns."""
    return partial(
        project,
        columns=planned.columns,
        projection=_PROJECTIONS[order.format.layout],
        chosen=planned.chosen,
        limit=order.reading_limit,
        as_bytes=as_bytes,
        escaped=order.options.escaped(),
        comment=order.progress.comment,
        encoding=text_encoding(connection),
    )


def reading(order: Order, planned: Plan, connection: Connection) -> Reading:
    """Return what the order's source reads, in the CSV that its format reads."""
    columns, layout, encoding = planned.outputs, order.format.layout, text_encoding(connection)
    if layout is Layout.CSV:
        dialect = Dialect(**order.options.model_dump(include={"delimiter", "null"}))
        return Reading(columns, dialect, encoding=encoding, encodes=bool(order.options.escaped()))
    if layout is Layout.TEXT:
        casts = {place: column.json_cast for place, column in enumerate(columns) if column.cast_by_value}
        return Reading(columns, casts=casts, encoding=encoding)
    return Reading(columns, encoding=encoding)
