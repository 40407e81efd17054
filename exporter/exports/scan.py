"""How the rows of an export are read: by one COPY, by several at once for a large table, or by a cursor."""

import logging
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, replace
from functools import partial
from typing import TypeAlias

from exporter.exports.database import Database
from exporter.exports.order import Order
from exporter.exports.plan import Plan
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
"""How much data is worth another connection: about 30 ms of reading."""


@dataclass(slots=True)
class Scan:
    """Reads the rows of one export."""

    order: Order
    plan: Plan
    database: Database
    connection: Connection
    """The connection, in the transaction in which the plan was made."""
    begin: Callable[[str], AbstractAsyncContextManager[Connection]]
    """Begins a transaction with a snapshot on another connection."""
    comment: str = ""
    """A SQL comment for the statements, which names their trace."""
    estimate: int | None = None
    """The planner's estimate of the rows, if it was asked."""

    @asynccontextmanager
    async def by_cursor(self) -> AsyncIterator[Source]:
        """Read the rows by a cursor. See `by_copy`."""
        order = self.order
        projected = self._projection(as_bytes=True)(order.dataset.query.numbered(), limit=order.limit)
        arguments = list(order.arguments.values())
        await self._check_estimate(projected, arguments)
        reads = replace(self._reading(), encodes=True)
        async with cursor(self.connection, projected, arguments, reads) as source:
            yield source

    @asynccontextmanager
    async def by_copy(self) -> AsyncIterator[Source]:
        """Read the rows by COPY inside this context.

        Raises:
            Exceeded: the planner expects too many rows.
            QueryError: the query or an argument was rejected. Later failures are raised to the reader of the rows.
        """
        reads = self._reading()
        if reads.casts:  # a COPY cannot run other statements between its rows
            async with self.by_cursor() as source:
                yield source
            return
        order, connection = self.order, self.connection
        sql = await bind(connection, order.dataset.query, list(order.arguments.values()), self.plan.description)
        projected = self._projection()
        await self._check_estimate(projected(sql, limit=order.limit))
        async with AsyncExitStack() as stack:
            connections = [connection]
            walk, more = await self._division(sql)
            if walk is not None:
                joining = self.database.followers.joining(connection, more, sql, self.begin)
                connections += await stack.enter_async_context(joining)
            if walk is not None and len(connections) > 1:
                scanning = parallel(connections, walk, projected, reads, ordered=order.ordered)
                yield await stack.enter_async_context(scanning)
            else:
                yield await stack.enter_async_context(copy(connection, projected(sql), reads))

    async def _check_estimate(self, sql: str, arguments: Sequence[Value] = ()) -> None:
        """Check the planner's estimate of the rows, if there is a limit on it."""
        bounds = self.order.bounds
        if bounds.max_estimated_rows:
            self.estimate = await estimated_rows(self.connection, sql, arguments)
            bounds.check_estimate(self.estimate)

    async def _division(self, sql: str) -> _Division:
        """Return the parts of the query, or None, and how many additional connections are worthwhile."""
        database, header = self.database, self.order.dataset.header
        most = min(database.parallel - 1, database.followers.spare) if self.order.limit is None else 0
        if most > 0 and header.table:
            return await self._pages(header.table, most)
        if most > 0 and header.split_by:
            return await self._ranges(sql, header.split_by, most)
        return None, 0

    async def _pages(self, table: str, most: int) -> _Division:
        size = await size_of(self.connection, table)
        more = min(most, size // _BYTES_EACH)
        names = [attribute.name for attribute in self.plan.description.attributes]
        return (await page_ranges(self.connection, table, names, size) if more else None), more

    async def _ranges(self, sql: str, key: str, most: int) -> _Division:
        planned = await explained(self.connection, sql, verbose=True)
        self.estimate = int(planned["Plan Rows"])
        size = int(planned["Plan Rows"] * planned["Plan Width"])
        more = min(most, size // _BYTES_EACH)
        if more and (reasons := await unstable(self.connection, sql, planned)):
            name = self.order.dataset.name
            log.warning("%s is read over one connection: %s would differ between connections", name, ", ".join(reasons))
            more = 0
        attributes = self.plan.description.attributes
        return (await key_ranges(self.connection, sql, attributes, key, size) if more else None), more

    def _projection(self, *, as_bytes: bool = False) -> "partial[str]":
        """Return a function that turns the dataset's query, or a part of it, into one for the order's columns."""
        return partial(
            project,
            columns=self.plan.columns,
            projection=_PROJECTIONS[self.order.layout],
            chosen=self.plan.chosen,
            limit=self.order.reading_limit,
            as_bytes=as_bytes,
            escaped=self.order.options.escaped(),
            comment=self.comment,
            encoding=text_encoding(self.connection),
        )

    def _reading(self) -> Reading:
        """Return what the source reads, in the CSV dialect of the layout."""
        columns, layout, encoding = self.plan.outputs, self.order.layout, text_encoding(self.connection)
        if layout is Layout.CSV:
            asked = self.order.options.dialect()
            dialect = Dialect(asked.delimiter, asked.null)
            return Reading(columns, dialect, encoding=encoding, encodes=bool(self.order.options.escaped()))
        if layout is Layout.TEXT:
            casts = {place: column.json_cast for place, column in enumerate(columns) if column.cast_by_value}
            return Reading(columns, casts=casts, encoding=encoding)
        return Reading(columns, encoding=encoding)
