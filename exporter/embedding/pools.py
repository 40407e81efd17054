"""The connections of an exporter: its own, or some of the host's."""

from typing import TYPE_CHECKING, Any, TypeAlias

import asyncpg

from queries.base_pool import BasePool
from queries.lent_pool import LentPool
from queries.pool import Pool
from queries.session import Session

if TYPE_CHECKING:
    from collections.abc import Callable

Source: TypeAlias = "str | asyncpg.Pool[Any] | Callable[[], asyncpg.Pool[Any]]"
"""A libpq URL, the host's own pool, or what returns that once it is open."""

_POOL_SIZE = 10


def pool_of(source: Source, *, size: int | None, patience: float, session: Session) -> BasePool:
    """Return the pool of a source.

    Args:
        source: where the connections come from.
        size: the most connections; None: ten of its own, or all but one of the host's.
        patience: seconds to wait for one.
        session: what applies to every transaction.

    Raises:
        TypeError: the source is something else.
        ValueError: the host's pool is smaller than that.
        QueryError: the host's pool is not open, or belongs to another event loop.
    """
    if isinstance(source, str):
        return Pool(source, size=size or _POOL_SIZE, acquire_timeout=patience, session=session)
    found: object = source if isinstance(source, asyncpg.Pool) else source()
    if not isinstance(found, asyncpg.Pool):
        kind = type(found).__name__
        raise TypeError(f"database must be a URL, an asyncpg.Pool or a function that returns one, not {kind}")
    lent = LentPool(found, acquire_timeout=patience, session=session, most=size)
    lent.check()
    return lent
