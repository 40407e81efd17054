"""What the server's planner expects of a query."""

import json
from collections.abc import Sequence

from queries.connection import Connection
from queries.cursor import Argument
from queries.errors import translated


async def estimated_rows(connection: Connection, sql: str, arguments: Sequence[Argument] = ()) -> int:
    """Return about how many rows a query gives, with these values for `$1`…`$n`."""
    with translated():
        plan = await connection.fetchval(f"EXPLAIN (FORMAT JSON) {sql}", *arguments)
    return int(json.loads(plan)[0]["Plan"]["Plan Rows"])
