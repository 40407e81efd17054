"""What the database says of a value that came from a claim."""

from typing import Any

import pytest

from exporter.exports.database import Database
from exporter.exports.failures import problem_of
from exporter.problems import ProblemType
from queries.declaration import Parameter
from queries.errors import ArgumentRejected
from tests.exporting import document, opened, order

pytestmark = pytest.mark.anyio


async def refused(database: Database, **how: Any) -> ArgumentRejected:
    parameter = Parameter(name="tenant", type="numeric", **how)
    # More digits than the server can hold.
    wanted = order("SELECT :tenant AS t", "csv", parameters=(parameter,), arguments={"tenant": "1e200000"})
    with pytest.raises(ArgumentRejected) as rejected:
        await document(database, wanted)
    return rejected.value


async def test_a_value_that_the_database_refuses_is_not_told_by_its_name(database_url: str) -> None:
    async with opened(database_url) as database:
        bound = problem_of(await refused(database, **{"from": "claim:tenant"}))
        given = problem_of(await refused(database))
    assert (bound.type, bound.faults) == (ProblemType.CLAIM_MISSING, ())
    assert "tenant" not in bound.detail
    assert [fault.parameter for fault in given.faults] == ["tenant"]
