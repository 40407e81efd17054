"""How large an export may be, and how long it may take."""

import asyncio
from collections.abc import Awaitable
from dataclasses import dataclass
from typing import ClassVar, TypeVar

T = TypeVar("T")


class Exceeded(Exception):
    """An export is larger, or takes longer, than it may. Its text is one sentence that the caller may read."""

    outcome: ClassVar[str] = "limited"


@dataclass(frozen=True, slots=True)
class Bounds:
    """The limits of one export; 0 means none."""

    max_rows: int = 0
    max_bytes: int = 0
    """Of the document as it is handed out, compressed or not."""
    max_seconds: float = 0
    """From the order to the last byte."""
    max_estimated_rows: int = 0
    """Of the planner's estimate before the query runs."""

    def check_rows(self, rows: int) -> None:
        """Raise `Exceeded` when an export may not have so many rows."""
        if 0 < self.max_rows < rows:
            raise Exceeded(f"The export has more than {self.max_rows} rows (max_rows).")

    def check_bytes(self, count: int) -> None:
        """Raise `Exceeded` when an export may not have so many bytes."""
        if 0 < self.max_bytes < count:
            raise Exceeded(f"The export has more than {self.max_bytes} bytes (max_bytes).")

    def check_estimate(self, rows: int) -> None:
        """Raise `Exceeded` when the planner may not expect so many rows."""
        if 0 < self.max_estimated_rows < rows:
            raise Exceeded(f"The database expects more than {self.max_estimated_rows} rows (max_estimated_rows).")

    def deadline(self) -> float | None:
        """Return the event loop's time by which an export that is ordered now has to end."""
        return asyncio.get_running_loop().time() + self.max_seconds if self.max_seconds else None

    async def in_time(self, work: Awaitable[T], deadline: float | None) -> T:
        """Wait for a step of the work until the deadline, which `deadline` gave.

        Raises:
            Exceeded: it has passed; the work was cancelled.
        """
        if deadline is None:
            return await work
        limit = asyncio.timeout_at(deadline)
        try:
            async with limit:
                return await work
        except TimeoutError:
            if limit.expired():
                raise Exceeded(f"The export takes more than {self.max_seconds:g} seconds (max_seconds).") from None
            raise
