"""Exports that several connections read."""

import pytest

from exporter.exports import scan
from queries import walk
from tests.exporting import database


@pytest.fixture
def small(monkeypatch):
    """Small tables are read in many small parts."""
    monkeypatch.setattr(scan, "_BYTES_EACH", 1)
    monkeypatch.setattr(walk, "BLOCK_BYTES", 30_000)


@pytest.fixture
def parts(monkeypatch):
    """What is read in parts, as a list of queries."""
    taken: list[str] = []
    original = walk.Walk.take

    def take(self):
        part = original(self)
        if part:
            taken.append(part.sql)
        return part

    monkeypatch.setattr(walk.Walk, "take", take)
    return taken


@pytest.fixture
async def exporting(database_url):
    opened = database(database_url, size=4)
    yield opened
    assert opened.pool.spare == 4
    assert opened.followers.spare == 4
    await opened.pool.close()
