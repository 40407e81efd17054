"""Seconds, CPU seconds and memory of other programs."""

import os
import subprocess
import sys
import tempfile
import threading
import time
from abc import ABC, abstractmethod
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import IO, Self

import psutil

from benchmarks.high_water import high_water

ROOT = Path(__file__).parent.parent
_SAMPLING_SECONDS = 0.02
_RESTING = 10
"""Times as long as a look took: the kernel walks all pages of the process, 16 ms for a gigabyte."""
_CPU_ATTEMPTS = 20
"""A child that ends between two looks would be counted twice, or not at all; a server that is used never rests."""


class Failed(Exception):
    """A program did not do what it should have done. The text says why."""


@dataclass(frozen=True, slots=True)
class Run:
    """What a client did."""

    seconds: float
    cpu: float
    """Seconds of user and system time, its children's included."""
    written: int | None
    """Bytes that it gave to the system to write; known on Linux only."""
    peak: int | None
    """The most memory (RSS) that it had, in bytes; known on Linux only."""
    output: str


def run(command: Sequence[str | Path]) -> Run:
    """Run a client to its end.

    Raises Failed, with the last line of its complaints, when its exit code is not zero.
    """
    with tempfile.TemporaryFile() as output, tempfile.TemporaryFile() as complaints:
        started = time.perf_counter()
        client = subprocess.Popen(command, stdout=output, stderr=complaints, cwd=ROOT)
        try:
            with _HighWater(client.pid) as memory:
                written = _written_until_exit(client.pid)
            _, status, usage = os.wait4(client.pid, 0)
            seconds = time.perf_counter() - started
        except BaseException:
            client.kill()
            client.wait()
            raise
        client.returncode = os.waitstatus_to_exitcode(status)
        if client.returncode:
            raise Failed((_text(complaints).strip().splitlines() or [f"exit code {client.returncode}"])[-1])
        return Run(seconds, usage.ru_utime + usage.ru_stime, written, memory.peak, _text(output))


def together(commands: Sequence[Sequence[str | Path]]) -> list[Run]:
    """Run clients all at once.

    Raises Failed.
    """
    with ThreadPoolExecutor(len(commands)) as threads:
        return list(threads.map(run, commands))


def _text(stream: IO[bytes]) -> str:
    stream.seek(0)
    return stream.read().decode(errors="replace")


def _written_until_exit(pid: int) -> int | None:
    """Wait until a child ends, and read the kernel's count of what it wrote before it is gone for good."""
    if sys.platform != "linux":
        return None
    os.waitid(os.P_PID, pid, os.WEXITED | os.WNOWAIT)
    try:
        counts = dict(line.split(": ") for line in Path(f"/proc/{pid}/io").read_text().splitlines())
    except OSError:
        return None
    return int(counts["wchar"])


def cpu(root: psutil.Process) -> float:
    """Return the CPU seconds of a process, its descendants, and those of them that have ended and been waited for."""
    seconds = 0.0
    for _ in range(_CPU_ATTEMPTS):
        children = root.children(recursive=True)
        with suppress(psutil.NoSuchProcess):
            seconds = sum(_own_and_reaped(process) for process in (root, *children))
            if root.children(recursive=True) == children:
                break
    return seconds


def _own_and_reaped(process: psutil.Process) -> float:
    times = process.cpu_times()
    return float(times.user + times.system + getattr(times, "children_user", 0) + getattr(times, "children_system", 0))


def settled(process: psutil.Process, within: float = 60.0) -> int:
    """Wait until a process does nothing and no longer grows; return the memory that is its own (USS), in bytes."""
    deadline = time.monotonic() + within
    before, quiet = -1, 0
    while quiet < 3 and time.monotonic() < deadline:
        busy = process.cpu_percent(0.2) > 5
        now = process.memory_full_info().uss
        quiet = 0 if busy or abs(now - before) > 2**20 else quiet + 1
        before = now
    return before


class _Sampled(ABC):
    """Looks again and again, in a thread, while the context is entered."""

    def __init__(self) -> None:
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._sample, daemon=True)

    @abstractmethod
    def _look(self) -> None:
        """Take a sample."""

    def _sample(self) -> None:
        pause = _SAMPLING_SECONDS
        while not self._ended.wait(pause):
            before = time.thread_time()
            self._look()
            pause = max(_SAMPLING_SECONDS, _RESTING * (time.thread_time() - before))

    def __enter__(self) -> Self:
        self._look()
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._ended.set()
        self._thread.join()


class Growth(_Sampled):
    """The peak of a process's own memory (USS) over what it had when it was idle, by default now."""

    def __init__(self, process: psutil.Process, idle: int | None = None) -> None:
        super().__init__()
        self._process = process
        self.idle = settled(process) if idle is None else idle
        self.peak = self.idle

    @property
    def bytes(self) -> int:
        """The growth so far."""
        return self.peak - self.idle

    def _look(self) -> None:
        self.peak = max(self.peak, self._process.memory_full_info().uss)


class _HighWater(_Sampled):
    """The kernel's record of a process's memory (RSS), read while it still runs: it is gone with its end."""

    def __init__(self, pid: int) -> None:
        super().__init__()
        self._pid = pid
        self.peak: int | None = None

    def _look(self) -> None:
        self.peak = high_water(self._pid) or self.peak
