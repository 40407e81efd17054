"""What the exports of one worker know of the database in common."""

from dataclasses import dataclass, field

from queries.builtin import BUILTIN
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
