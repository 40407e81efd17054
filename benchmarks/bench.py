"""What every scenario is given."""

from dataclasses import dataclass
from pathlib import Path

from benchmarks.database import Database
from benchmarks.options import Options


@dataclass(frozen=True, slots=True)
class Bench:
    """A database that is ready, an empty folder for what contenders write, and what the command line said."""

    database: Database
    scratch: Path
    options: Options

    @property
    def formats(self) -> list[str]:
        """The extensions of the formats that scenarios with more than one of them measure."""
        return self.options.formats.split(",")

    def scaled(self, rows: int) -> int:
        """Return how many rows stand for `rows` of scale factor 1."""
        return round(rows * self.options.scale)
