"""What the command line may say."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

RESULTS = Path(__file__).with_name("results")


@Parameter(name="*")
@dataclass(frozen=True, kw_only=True, slots=True)
class Options:
    """What to measure, and how thoroughly."""

    database_url: str | None = None
    """PostgreSQL to measure with, whose tables public.lineitem, mixed and small are used, or made; without it an
    embedded one."""
    scale: float = 1.0
    """TPC-H scale factor: 1 gives 6,001,215 rows; 0.01 a run that only shows that everything works."""
    rounds: int = 3
    """How often each contender runs; medians are reported."""
    requests: int = 200
    """Requests of the first-byte scenario."""
    clients: int = 64
    """Clients that stall."""
    long: Annotated[bool, Parameter(negative="")] = False
    """Also export sixty million rows (times the scale)."""
    only: str | None = None
    """Names of scenarios, separated by commas; without it all of them."""
    formats: str = "csv,ndjson,parquet,arrows"
    """Of the scenarios that compare formats with themselves; contenders export all of theirs."""
    results: Path = RESULTS
    """The folder of report.md, report.json and the plot."""
