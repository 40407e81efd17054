"""A server whose log has every statement that it was sent, however it was sent."""

import json
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

from queries.embedded import embedded
from tests.acceptance.service import until
from tests.postgres import execute

_SETTINGS = {
    "logging_collector": "on",
    "log_destination": "jsonlog",
    "log_filename": "statements",
    # Unlike log_statement, it has what is parsed and never run.
    "log_min_duration_statement": "0",
}
_STATEMENT = re.compile(r"duration: [\d.]+ ms +(?:statement|(?:parse|bind|execute) [^:]*): (.*)", re.DOTALL)


class LoggedServer:
    """The server, and what it has logged since `read` was last asked."""

    def __init__(self, dsn: str) -> None:
        self.dsn = dsn
        self._path = Path(parse_qs(urlsplit(dsn).query)["host"][0], "data", "log", "statements.json")
        self._read = 0
        self._marks = 0

    async def execute(self, statements: str) -> None:
        """Run statements as the superuser."""
        await execute(self.dsn, statements)

    async def read(self) -> list[Mapping[str, Any]]:
        """Return the entries of everybody but the superuser; once it has its own mark, the log has what came before."""
        self._marks += 1
        mark = f"'mark {self._marks}'"
        await self.execute(f"SELECT {mark}")
        until(lambda: self._path.exists() and mark in self._path.read_text())
        text = self._path.read_text()
        fresh, self._read = text[self._read :], len(text)
        entries = [json.loads(line) for line in fresh.splitlines()]
        return [entry for entry in entries if entry.get("user") not in (None, "postgres")]


def statements(entries: list[Mapping[str, Any]]) -> Iterator[str]:
    """Yield each statement, also those that failed."""
    for entry in entries:
        if "statement" in entry:
            yield entry["statement"]
        if match := _STATEMENT.match(entry["message"]):
            yield match[1]


@contextmanager
def logged_server() -> Iterator[LoggedServer]:
    with embedded(settings=_SETTINGS) as dsn:
        yield LoggedServer(dsn)
