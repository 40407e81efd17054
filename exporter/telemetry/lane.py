"""A thread for writes that may block forever: to a pipe that nobody reads, or an unavailable disk."""

import logging
import threading
import time
from collections.abc import Callable
from queue import SimpleQueue

Job = Callable[[], object]
"""What the thread runs."""

log = logging.getLogger(__name__)


class Lane:
    """Runs jobs one after another, in order, in its own thread.

    Adding a job never blocks. The total weight of the unfinished jobs is limited. The thread does not keep the process
    alive: call `drain` before the process exits.
    """

    def __init__(self, name: str, room: int, idle: Job | None = None) -> None:
        """Start the thread; `room` is the maximum total weight of unfinished jobs.

        `idle` runs whenever no job is left.
        """
        self._room = room
        self._idle = idle
        self._held = 0
        # Garbage collection may add a job (a warning on stderr) while the same thread holds the lock.
        self._lock = threading.RLock()
        self._jobs: SimpleQueue[tuple[Job, int]] = SimpleQueue()
        self._begun: float | None = None
        threading.Thread(target=self._work, name=name, daemon=True).start()

    def stuck(self, seconds: float) -> bool:
        """Return whether the current job has been running for longer than this."""
        begun = self._begun
        return begun is not None and time.monotonic() - begun > seconds

    def put(self, job: Job, weight: int = 1) -> bool:
        """Add a job, and return True; return False if there is no room for it."""
        with self._lock:
            if self._held + weight > self._room:
                return False
            self._held += weight
        self._jobs.put((job, weight))
        return True

    def drain(self, within: float) -> bool:
        """Wait up to `within` seconds until all jobs are done; return whether they are."""
        done = threading.Event()
        self._jobs.put((done.set, 0))
        return done.wait(within)

    def _work(self) -> None:
        while True:
            job, weight = self._jobs.get()
            self._begun = time.monotonic()
            try:
                job()
            except Exception:  # otherwise no later job would run
                log.exception("a job of thread %s failed", threading.current_thread().name)
            self._begun = None
            del job  # not kept until the next one
            with self._lock:
                self._held -= weight
            if self._idle and self._jobs.empty():
                self._idle()
