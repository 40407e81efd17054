"""What the exports of one engine know of the database in common."""

from typing import TYPE_CHECKING

from queries.base_pool import BasePool
from queries.followers import Followers

if TYPE_CHECKING:
    from queries.types import PgType


class Database:
    """The database as all exports of one engine share it."""

    def __init__(self, pool: BasePool, *, parallel: int = 1, parallel_connections: int = 0) -> None:
        """Take the pool, which whoever made it closes.

        `parallel` is the most connections for one export, `parallel_connections` how many of the pool's all parallel
        scans may take together besides one for each export.
        """
        self.pool = pool
        self.parallel = parallel
        self.followers = Followers(pool, parallel_connections)
        self.copies = True
        """Whether the server takes COPY; learnt from its first refusal."""
        self.types: dict[int, PgType] = {}
        """The types met so far, by oid, that are not built in; see `queries.describe.types_of`."""
