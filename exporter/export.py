"""One export: from an order to the bytes of a document."""

import asyncio
import logging
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from concurrent.futures import Executor
from contextlib import AbstractAsyncContextManager, aclosing
from typing import Any, TypeAlias

from exporter.database import Database
from exporter.order import Order
from exporter.pipeline import in_place, pipeline
from exporter.plan import Plan, plan
from exporter.scan import fetch, scan
from exporter.work import Work
from queries.blocks import pieces
from queries.connection import Connection, encoding_of
from queries.copy import takes_copy
from queries.errors import CopyRefused, UnsentText, Untranslatable
from queries.source import Source
from queries.unrepresentable import Unrepresentable

log = logging.getLogger(__name__)

Opener: TypeAlias = Callable[[Order, Database, Connection, Plan], AbstractAsyncContextManager[Source]]


async def export(order: Order, database: Database, threads: Executor) -> AsyncGenerator[bytes]:
    """Yield the document in chunks of any size, none of them empty.

    A connection is held from the first step to the last; closing the generator, or cancelling a step, cancels the
    statement and gives the connection back.

    Raises:
        Problem: the order does not fit the dataset's columns.
        Exceeded: there are more rows than there may be.
        QueryError: PostgreSQL failed.
        Unrepresentable: a value does not fit its Arrow type; its row counts from the first of the export.
    """
    begun = False
    if order.dataset.header.source == "copy" and database.copies:
        try:
            async with aclosing(_attempt(order, database, threads, scan)) as chunks:
                async for chunk in chunks:
                    begun = True
                    yield chunk
                    del chunk  # not held while the next is made
        except CopyRefused as refusal:
            # Of a part behind others it says nothing, and the cursor would send the rows before it twice.
            if begun:
                raise
            await _learn(database, refusal)
        else:
            return
    async with aclosing(_attempt(order, database, threads, fetch)) as chunks:
        async for chunk in chunks:
            yield chunk
            del chunk


async def _learn(database: Database, refusal: CopyRefused) -> None:
    """Find out whether the server refuses every COPY, so that later exports need not try."""
    async with database.pool.transaction("exporter copy") as connection:
        database.copies = await takes_copy(connection)
    outlook = "this once" if database.copies else "cursors are used from now on"
    log.warning("COPY was refused, %s: %s", outlook, refusal)


async def _attempt(order: Order, database: Database, threads: Executor, opener: Opener) -> AsyncGenerator[bytes]:
    loop = asyncio.get_running_loop()
    async with database.transaction(order) as connection:
        planned = await plan(order, database, connection, threads)
        async with opener(order, database, connection, planned) as source:
            work = Work(order, planned, source)
            try:
                async with aclosing(_chunks(aiter(source), work, threads)) as chunks:
                    async for chunk in chunks:
                        if chunk:
                            yield chunk
                        del chunk
            except Unrepresentable as error:
                raise error.after(work.rows) from None
            except Untranslatable as error:
                encoding = encoding_of(connection)
                # Where the server has nothing to translate, a function of the query has failed.
                if encoding in (None, "UTF8", "SQL_ASCII"):
                    raise
                raise UnsentText(encoding, error.sqlstate) from error
            last = work.finish() if work.passes_through else await loop.run_in_executor(threads, work.finish)
            if last:
                yield last


def _chunks(blocks: AsyncIterator[Any], work: Work, threads: Executor) -> AsyncGenerator[bytes]:
    if work.passes_through:
        return in_place(pieces(blocks), work.prepare, work.write)
    return pipeline(blocks, work.prepare, work.write, threads)
