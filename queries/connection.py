"""The driver's connection, as the rest of this package names it."""

from typing import TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:
    import asyncpg

Connection: TypeAlias = "asyncpg.Connection[asyncpg.Record] | asyncpg.pool.PoolConnectionProxy[asyncpg.Record]"
"""A connection of its own or one lent by a pool (generic in asyncpg's stubs only, so never evaluated)."""
