"""Attempts at an export: by COPY, or by a cursor if the server refuses COPY."""

import asyncio
import logging
import time
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from concurrent.futures import Executor
from contextlib import AsyncExitStack, aclosing, asynccontextmanager
from dataclasses import dataclass
from typing import TypeVar

import pyarrow as pa

from exporter.exports.conversion import Conversion, Counts
from exporter.exports.database import Database
from exporter.exports.order import Order
from exporter.exports.pipeline import in_place, pipeline
from exporter.exports.plan import Plan, plan
from exporter.exports.scan import Scan
from queries.blocks import pieces
from queries.connection import Connection, encoding_of
from queries.copy import takes_copy
from queries.errors import CopyRefused, UnsentText, Untranslatable
from queries.source import Source
from queries.unrepresentable import Unrepresentable

log = logging.getLogger(__name__)

T = TypeVar("T", bytes, pa.RecordBatch)


@dataclass(frozen=True, slots=True)
class Attempt:
    """A transaction that has started to read: what is known before the first row, and the rows."""

    plan: Plan
    source: Source
    estimate: int | None
    """The planner's estimate of the rows; None if it was not asked."""
    connection: Connection
    counts: Counts

    async def converted(self, conversion: Conversion[T], threads: Executor) -> AsyncGenerator[T]:
        """Yield the output of a conversion, without empty items.

        Raises:
            Exceeded: there are more rows than allowed.
            QueryError: PostgreSQL failed.
            Unrepresentable: a value does not fit its Arrow type; rows are numbered from the start of the export.
        """
        blocks = aiter(self.source)
        if conversion.passes_through:
            items = in_place(pieces(blocks), conversion.prepare, conversion.write)
        else:
            items = pipeline(blocks, conversion.prepare, conversion.write, threads)
        try:
            async with aclosing(items):
                async for item in items:
                    if item:
                        yield item
                    del item  # not kept while the next one is made
        except Unrepresentable as error:
            raise error.after(self.counts.rows) from None
        except Untranslatable as error:
            encoding = encoding_of(self.connection)
            # If the server has nothing to convert, a function of the query has failed.
            if encoding in (None, "UTF8", "SQL_ASCII"):
                raise
            raise UnsentText(encoding, error.sqlstate) from error
        if conversion.passes_through:
            last = conversion.finish()
        else:
            last = await asyncio.get_running_loop().run_in_executor(threads, conversion.finish)
        if last:
            yield last


class Attempts:
    """The attempts of one export: usually one; two if the server refuses the COPY of the first."""

    def __init__(self, order: Order, database: Database, threads: Executor, counts: Counts, comment: str) -> None:
        """Take the order; the counts, which get the number of connections and the waiting time; and a SQL comment."""
        self._order = order
        self._database = database
        self._threads = threads
        self._counts = counts
        self._comment = comment
        self._open = AsyncExitStack()
        self.current: Attempt
        """The current or last attempt, once `begin` has returned."""

    async def begin(self) -> None:
        """Begin the first attempt.

        Raises:
            Problem: the order does not fit the dataset's columns.
            Exceeded: the planner expects more rows than allowed.
            QueryError: the server rejects the query or an argument, or no connection is available.
        """
        await self._begin(copies=self._database.copies)

    async def close(self) -> None:
        """Cancel the statement and release the connection."""
        await self._open.aclose()

    async def converted(self, conversion: Callable[[Attempt], Conversion[T]]) -> AsyncGenerator[T]:
        """Yield the output of a conversion. Raises what `begin` and `Attempt.converted` raise."""
        begun = False
        try:
            async with aclosing(self.current.converted(conversion(self.current), self._threads)) as items:
                async for item in items:
                    begun = True
                    yield item
                    del item  # not kept while the next one is made
        except CopyRefused as refusal:
            # After some output, a refusal is not about COPY itself, and a cursor would send these rows again.
            if begun:
                raise
            await self._open.aclose()
            await self._learn(refusal)
        else:
            return
        await self._begin(copies=False)
        async with aclosing(self.current.converted(conversion(self.current), self._threads)) as items:
            async for item in items:
                yield item
                del item

    async def _begin(self, *, copies: bool) -> None:
        self.current = await self._open.enter_async_context(self._attempt(copies=copies))

    @asynccontextmanager
    async def _attempt(self, *, copies: bool) -> AsyncIterator[Attempt]:
        """Begin a transaction and start to read, by COPY if the server and the dataset allow it, else by a cursor."""
        order = self._order
        async with self._transaction() as connection:
            planned = await plan(order, self._database, connection, self._threads)
            scan = Scan(order, planned, self._database, connection, self._transaction, self._comment)
            by_copy = copies and order.dataset.header.source == "copy"
            async with scan.by_copy() if by_copy else scan.by_cursor() as source:
                yield Attempt(planned, source, scan.estimate, connection, self._counts)

    @asynccontextmanager
    async def _transaction(self, snapshot: str | None = None) -> AsyncIterator[Connection]:
        """Acquire a connection for the order; see `BasePool.transaction`."""
        order, counts = self._order, self._counts
        name, seconds = f"exporter {order.id} {order.dataset.name}", order.dataset.header.statement_timeout
        began = time.monotonic()
        async with self._database.pool.transaction(name, seconds, acting=order.acting, snapshot=snapshot) as connection:
            # Only the first connection is waited for.
            if not counts.connections:
                counts.waited += time.monotonic() - began
            counts.connections += 1
            yield connection

    async def _learn(self, refusal: CopyRefused) -> None:
        """Find out whether the server refuses every COPY, so that later exports do not try it."""
        database = self._database
        async with database.pool.transaction("exporter copy") as connection:
            database.copies = await takes_copy(connection)
        outlook = "for this export only" if database.copies else "cursors are used from now on"
        log.warning("COPY was refused (%s): %s", outlook, refusal)
