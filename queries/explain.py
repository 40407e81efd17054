"""What the server's planner says about a query, and the locks that planning takes."""

import json
from collections.abc import Sequence
from typing import Any

from queries.connection import Connection
from queries.declaration import Value
from queries.errors import translated

_FIRST_VERSION = 12
"""The first version that has plan_cache_mode."""

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
    """Return the root of a verbose plan that is valid for any values of `$1`…`$n`; None before PostgreSQL 12.

    EXPLAIN (GENERIC_PLAN) does not help: in the driver's protocol parameters always have values, and NULL, which makes
    most conditions false, would cut the plan short.

    Args:
        connection: in a transaction, whose plans are generic from then on.
        sql: one statement; it must have been prepared before, which proves that it is only one.
        parameters: how many parameters it has, each a text or an array of texts.
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
    """Return the planner's estimate of a query's rows, with these values for `$1`…`$n`."""
    return int((await explained(connection, sql, arguments))["Plan Rows"])


async def take_locks(connection: Connection, sql: str) -> None:
    """Plan the query, which takes the locks that reading it will need, until the transaction ends.

    Tables that only a function reads are not locked.
    """
    with translated():
        await connection.fetch(f"EXPLAIN (COSTS OFF) {sql}")
