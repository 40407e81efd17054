"""Whether processes have ended."""

import time
from collections.abc import Iterable

import psutil

_PAUSE_SECONDS = 0.02


def still_running(processes: Iterable[psutil.Process], within: float) -> list[psutil.Process]:
    """Wait until processes have ended, `within` seconds at most; return those that have not.

    One that has ended stays in the system's list until its parent asks how, and an orphan's, the first process of a
    container, may take seconds for it.
    """
    deadline = time.monotonic() + within
    while (left := [one for one in processes if _runs(one)]) and time.monotonic() < deadline:
        time.sleep(_PAUSE_SECONDS)
    return left


def _runs(process: psutil.Process) -> bool:
    try:
        return bool(process.is_running() and process.status() != psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return False
