"""What the exports of one engine share about the database."""

from typing import TYPE_CHECKING

from queries.base_pool import BasePool
from queries.followers import Followers

if TYPE_CHECKING:
    from queries.types import PgType


class Database:
    """The database, shared by all exports of one engine."""

    def __init__(self, pool: BasePool, *, parallel: int = 1, parallel_connections: int = 0) -> None:
        """Take the pool, which its creator closes.

        `parallel` is the most connections for one export. `parallel_connections` is how many of the pool's connections
        all parallel scans may use together in addition to one per export.
        """
        self.pool = pool
        self.parallel = parallel
        self.followers = Followers(pool, parallel_connections)
        self.copies = True
        """Whether the server accepts COPY; learned from its first refusal."""
        self.types: dict[int, PgType] = {}
        """Types seen so far that are not built in, by oid; see `queries.describe.types_of`."""
