"""What is asked of the planner does not depend on how a connection that is not of our making reads json."""

import json
from collections.abc import Callable
from typing import Any

import pytest

from queries.connection import Connection
from queries.explain import estimated_rows, explained

pytestmark = pytest.mark.anyio


@pytest.mark.parametrize("decoder", [None, json.loads, str.encode])
async def test_a_connection_with_a_codec_of_its_own(connection: Connection, decoder: Callable[..., Any] | None) -> None:
    if decoder is not None:
        await connection.set_type_codec("json", schema="pg_catalog", encoder=json.dumps, decoder=decoder)
    assert await estimated_rows(connection, "SELECT * FROM generate_series(1, $1::text::int) i", ["77"]) == 77
    assert (await explained(connection, "SELECT 1", verbose=True))["Output"] == ["1"]
