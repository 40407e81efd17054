"""The seconds of a program, without those of its imports."""

import json
import time


class Stopwatch:
    """Runs from its construction."""

    def __init__(self) -> None:
        self._started = time.perf_counter()
        self._cpu = time.process_time()
        self._first_byte: float | None = None

    def first_byte(self) -> None:
        """Say that something has arrived; only the first time counts."""
        if self._first_byte is None:
            self._first_byte = time.perf_counter() - self._started

    def report(self, rows: int, size: int) -> None:
        """Print what was done so far; `size` in bytes."""
        seconds, cpu = time.perf_counter() - self._started, time.process_time() - self._cpu
        told = {"rows": rows, "bytes": size, "first_byte": self._first_byte, "seconds": seconds, "cpu": cpu}
        print(json.dumps(told))
