"""Exports that several connections read."""

from collections.abc import AsyncIterator

import pytest

from exporter.exports import scan
from exporter.exports.database import Database
from queries import walk
from queries.walk import Part
from tests.exporting import database


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """Small tables are read in many small parts."""
    monkeypatch.setattr(scan, "_BYTES_EACH", 1)
    monkeypatch.setattr(walk, "BLOCK_BYTES", 30_000)


@pytest.fixture
def parts(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What is read in parts, as a list of queries."""
    taken: list[str] = []
    original = walk.Walk.take

    def take(self: walk.Walk) -> Part | None:
        part = original(self)
        if part:
            taken.append(part.sql)
        return part

    monkeypatch.setattr(walk.Walk, "take", take)
    return taken


@pytest.fixture
async def exporting(database_url: str) -> AsyncIterator[Database]:
    """A database whose connections are all back in the end."""
    opened = database(database_url, size=4)
    yield opened
    assert opened.pool.spare == 4
    assert opened.followers.spare == 4
    await opened.pool.close()
