"""What the exports of one worker know of the database in common."""

import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from exporter.order import Order
from queries.connection import Connection
from queries.followers import Followers
from queries.pool import Pool
from queries.types import PgType


@dataclass(slots=True)
class Database:
    """The database as all exports of one worker share it."""

    pool: Pool
    followers: Followers
    parallel: int = 1
    """The most connections for one export."""
    copies: bool = True
    """Whether the server takes COPY; learnt from its first refusal."""
    types: dict[int, PgType] = field(default_factory=dict)
    """The types met so far, by oid, that are not built in; see `queries.describe.types_of`."""

    @asynccontextmanager
    async def transaction(self, order: Order, snapshot: str | None = None) -> AsyncIterator[Connection]:
        """Lend a connection for an order, on behalf of who ordered; see `Pool.transaction`."""
        name, dataset = f"exporter {order.id} {order.dataset.name}", order.dataset
        acting = order.principal.acting
        transaction = self.pool.transaction(name, dataset.header.statement_timeout, acting=acting, snapshot=snapshot)
        began = time.monotonic()
        async with transaction as connection:
            # Further connections are not waited for, and come after the first.
            if not order.progress.connections:
                order.progress.waited += time.monotonic() - began
            order.progress.connections += 1
            yield connection
