"""What the server's planner says of a query, and the locks that planning takes."""

import json
from collections.abc import Sequence
from typing import Any

from queries.connection import Connection
from queries.declaration import Value
from queries.errors import translated

_FIRST_VERSION = 12
"""Of servers that can be told to make a generic plan (plan_cache_mode)."""

_STATEMENT = "generic"


async def explained(connection: Connection, sql: str, arguments: Sequence[Value] = (), *, verbose: bool = False) -> Any:
    """Return the root of the plan of a query with these values for `$1`…`$n`.

    A `verbose` plan has the expressions of every node, and in them what views and functions in SQL hide.
    """
    options = "VERBOSE, " if verbose else ""
    with translated():
        plan = await connection.fetchval(f"EXPLAIN ({options}FORMAT JSON) {sql}", *arguments)
    # A connection that is not of our making may have a codec of its own for json.
    return (json.loads(plan) if isinstance(plan, str | bytes) else plan)[0]["Plan"]


async def generic_plan(connection: Connection, sql: str, parameters: int) -> Any:
    """Return the root of a verbose plan that holds whatever the values of `$1`…`$n` are; None before PostgreSQL 12.

    EXPLAIN (GENERIC_PLAN) would not do: over the driver's protocol parameters always have values, and NULL, which
    makes most conditions false, would cut the plan short.

    Args:
        connection: in a transaction, which makes generic plans from then on.
        sql: one statement, already proved to be one by preparing it.
        parameters: how many it has.
    """
    if not parameters:
        return await explained(connection, sql, verbose=True)
    if connection.get_server_version().major < _FIRST_VERSION:
        return None
    with translated(values=False):
        await connection.execute(f"SET LOCAL plan_cache_mode = force_generic_plan; PREPARE {_STATEMENT} AS {sql}")
    try:
        nulls = ", ".join(["NULL"] * parameters)
        return await explained(connection, f"EXECUTE {_STATEMENT}({nulls})", verbose=True)
    finally:
        await connection.execute(f"DEALLOCATE {_STATEMENT}")


async def estimated_rows(connection: Connection, sql: str, arguments: Sequence[Value] = ()) -> int:
    """Return about how many rows a query gives, with these values for `$1`…`$n`."""
    return int((await explained(connection, sql, arguments))["Plan Rows"])


async def take_locks(connection: Connection, sql: str) -> None:
    """Take the locks that reading the query will need, until the transaction ends, by planning it.

    Tables that only a function reads are not among them.
    """
    with translated():
        await connection.fetch(f"EXPLAIN (COSTS OFF) {sql}")
