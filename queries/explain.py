"""What the server's planner says of a query, and the locks that planning takes."""

import json
from collections.abc import Sequence
from typing import Any

from queries.connection import Connection
from queries.declaration import Value
from queries.errors import translated


async def explained(connection: Connection, sql: str, arguments: Sequence[Value] = (), *, verbose: bool = False) -> Any:
    """Return the root of the plan of a query with these values for `$1`…`$n`.

    A `verbose` plan has the expressions of every node, and in them what views and functions in SQL hide.
    """
    options = "VERBOSE, " if verbose else ""
    with translated():
        plan = await connection.fetchval(f"EXPLAIN ({options}FORMAT JSON) {sql}", *arguments)
    # A connection that is not of our making may have a codec of its own for json.
    return (json.loads(plan) if isinstance(plan, str | bytes) else plan)[0]["Plan"]


async def estimated_rows(connection: Connection, sql: str, arguments: Sequence[Value] = ()) -> int:
    """Return about how many rows a query gives, with these values for `$1`…`$n`."""
    return int((await explained(connection, sql, arguments))["Plan Rows"])


async def take_locks(connection: Connection, sql: str) -> None:
    """Take the locks that reading the query will need, until the transaction ends, by planning it.

    Tables that only a function reads are not among them.
    """
    with translated():
        await connection.fetch(f"EXPLAIN (COSTS OFF) {sql}")
