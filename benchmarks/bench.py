"""What every scenario is given."""

from dataclasses import dataclass
from pathlib import Path

from benchmarks.database import Database

EXTENSIONS = ("csv", "ndjson", "parquet", "arrows")
"""The formats that are measured."""


@dataclass(frozen=True, slots=True)
class Bench:
    """A database that is ready, and an empty folder for what contenders write."""

    database: Database
    scratch: Path

    def scaled(self, rows: int) -> int:
        """Return how many rows stand for `rows` of scale factor 1."""
        return round(rows * self.database.facts.scale)
