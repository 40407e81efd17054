"""What the server's planner says of a query."""

import json
from collections.abc import Sequence
from typing import Any

from queries.connection import Connection
from queries.cursor import Argument
from queries.errors import translated


async def explained(connection: Connection, sql: str, arguments: Sequence[Argument] = (), *, how: str = "") -> Any:
    """Return the root of the plan of a query with these values for `$1`…`$n`.

    `how` are further options of EXPLAIN, such as `VERBOSE, `.
    """
    with translated():
        plan = await connection.fetchval(f"EXPLAIN ({how}FORMAT JSON) {sql}", *arguments)
    # A connection that is not of our making may have a codec of its own for json.
    return (json.loads(plan) if isinstance(plan, str | bytes) else plan)[0]["Plan"]


async def estimated_rows(connection: Connection, sql: str, arguments: Sequence[Argument] = ()) -> int:
    """Return about how many rows a query gives, with these values for `$1`…`$n`."""
    return int((await explained(connection, sql, arguments))["Plan Rows"])
