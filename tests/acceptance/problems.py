"""Problem documents, as a client sees them."""

import re
from typing import Any

from tests.acceptance.service import Answer

REVEALING = re.compile(
    r"select\b|traceback|\.py\b|postgres(ql)?:/|pg_|asyncpg|acceptance|relation|division|generate_series", re.IGNORECASE
)
"""What would show the SQL, the DSN, a traceback or the server's own words."""


def problem(answer: Answer, status: int, name: str) -> Any:
    """Check that the answer is a whole problem document of this type, and return it."""
    assert (answer.exit, answer.status) == (0, status)
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.headers["cache-control"] == "no-store"
    assert "content-disposition" not in answer.headers
    document = answer.json()
    assert document["type"] == f"urn:exporter:problem:{name}"
    assert document["status"] == status
    assert document["title"]
    assert document["detail"]
    assert not REVEALING.search(answer.text.replace("grant SELECT to", ""))
    return document
