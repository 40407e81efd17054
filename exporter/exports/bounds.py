"""Limits on the size and duration of an export."""

import asyncio
from collections.abc import Awaitable
from dataclasses import dataclass
from typing import ClassVar, TypeVar

T = TypeVar("T")


class Exceeded(Exception):
    """An export exceeds a limit. The message is one sentence for the caller."""

    outcome: ClassVar[str] = "limited"


@dataclass(frozen=True, slots=True)
class Bounds:
    """The limits of one export; 0 means no limit."""

    max_rows: int = 0
    max_bytes: int = 0
    """Of the document as delivered, after compression."""
    max_seconds: float = 0
    """From the order to the last byte."""
    max_estimated_rows: int = 0
    """The limit on the planner's estimate, before the query runs."""

    def check_rows(self, rows: int) -> None:
        """Raise `Exceeded` if the export has too many rows."""
        if 0 < self.max_rows < rows:
            raise Exceeded(f"The export has more than {self.max_rows} rows (max_rows).")

    def check_bytes(self, count: int) -> None:
        """Raise `Exceeded` if the export has too many bytes."""
        if 0 < self.max_bytes < count:
            raise Exceeded(f"The export has more than {self.max_bytes} bytes (max_bytes).")

    def check_estimate(self, rows: int) -> None:
        """Raise `Exceeded` if the planner expects too many rows."""
        if 0 < self.max_estimated_rows < rows:
            raise Exceeded(f"The database expects more than {self.max_estimated_rows} rows (max_estimated_rows).")

    def deadline(self) -> float | None:
        """Return the time of the event loop by which an export ordered now must end; None without a limit."""
        return asyncio.get_running_loop().time() + self.max_seconds if self.max_seconds else None

    async def in_time(self, work: Awaitable[T], deadline: float | None) -> T:
        """Await a step of the work until the deadline, which comes from `deadline`.

        Raises:
            Exceeded: the deadline has passed; the work was cancelled.
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
