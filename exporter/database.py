"""What the exports of one worker know of the database in common."""

from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field

from exporter.order import Order
from queries.builtin import BUILTIN
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
    types: dict[int, PgType] = field(default_factory=lambda: dict(BUILTIN))
    """The types met so far, by oid, the built-in ones from the start."""

    def transaction(self, order: Order, snapshot: str | None = None) -> AbstractAsyncContextManager[Connection]:
        """Lend a connection for an order, on behalf of who ordered; see `Pool.transaction`."""
        name, dataset = f"exporter {order.id} {order.dataset.name}", order.dataset
        acting = order.principal.acting
        return self.pool.transaction(name, dataset.statement_timeout, acting=acting, snapshot=snapshot)
