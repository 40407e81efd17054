"""How large an export may be, and how long it may take."""

import asyncio
from dataclasses import dataclass

from exporter.limits.exceeded import Exceeded


@dataclass(frozen=True, slots=True)
class Bounds:
    """The limits of one export; 0 means none."""

    max_rows: int = 0
    max_bytes: int = 0
    """Of the body as it is sent, compressed or not."""
    max_seconds: float = 0
    """From the order to the last byte."""
    max_estimated_rows: int = 0
    """Of the planner's estimate before the query runs."""

    def check_rows(self, rows: int) -> None:
        """Raise `Exceeded` when an export may not have so many rows."""
        if 0 < self.max_rows < rows:
            raise Exceeded(f"It has more than {self.max_rows} rows (max_rows).")

    def check_bytes(self, count: int) -> None:
        """Raise `Exceeded` when an export may not have so many bytes."""
        if 0 < self.max_bytes < count:
            raise Exceeded(f"It has more than {self.max_bytes} bytes (max_bytes).")

    def check_estimate(self, rows: int) -> None:
        """Raise `Exceeded` when the planner may not expect so many rows."""
        if 0 < self.max_estimated_rows < rows:
            raise Exceeded(f"The database expects more than {self.max_estimated_rows} rows (max_estimated_rows).")

    def deadline(self) -> float | None:
        """Return the event loop's time by which an export that is ordered now has to end."""
        return asyncio.get_running_loop().time() + self.max_seconds if self.max_seconds else None
