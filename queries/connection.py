"""The driver's connection, as the rest of this package names it."""

from typing import TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:
    import asyncpg

Connection: TypeAlias = "asyncpg.pool.PoolConnectionProxy[asyncpg.Record]"
"""A connection lent by a pool (a string, for the class is generic in asyncpg's stubs only)."""
