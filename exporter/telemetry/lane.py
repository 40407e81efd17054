"""A thread for writes that may take for ever: to a pipe that nobody reads, to a disk that is away."""

import logging
import threading
import time
from collections.abc import Callable
from queue import SimpleQueue

Job = Callable[[], object]
"""What the thread is to do."""

log = logging.getLogger(__name__)


class Lane:
    """Does jobs one after another, in the order in which they came, in a thread of its own.

    Whoever brings one never waits; what is not done yet is bounded, by weights that the jobs are given. The thread does
    not keep the process alive: `drain` is for its end.
    """

    def __init__(self, name: str, room: int, idle: Job | None = None) -> None:
        """Start the thread; `room` is the most that jobs which are not done may weigh together.

        `idle` is done whenever nothing else is left to do.
        """
        self._room = room
        self._idle = idle
        self._held = 0
        # Collected garbage may bring a job of its own (a warning, on stderr) while its thread is in here.
        self._lock = threading.RLock()
        self._jobs: SimpleQueue[tuple[Job, int]] = SimpleQueue()
        self._begun: float | None = None
        threading.Thread(target=self._work, name=name, daemon=True).start()

    def stuck(self, seconds: float) -> bool:
        """Return whether one job has taken longer than that so far."""
        begun = self._begun
        return begun is not None and time.monotonic() - begun > seconds

    def put(self, job: Job, weight: int = 1) -> bool:
        """Have a job done, and return True; False if there is no room for it."""
        with self._lock:
            if self._held + weight > self._room:
                return False
            self._held += weight
        self._jobs.put((job, weight))
        return True

    def drain(self, within: float) -> bool:
        """Wait until all that was brought is done; return whether it was, `within` seconds at most."""
        done = threading.Event()
        self._jobs.put((done.set, 0))
        return done.wait(within)

    def _work(self) -> None:
        while True:
            job, weight = self._jobs.get()
            self._begun = time.monotonic()
            try:
                job()
            except Exception:  # or nothing would be done ever after
                log.exception("a job of thread %s failed", threading.current_thread().name)
            self._begun = None
            del job  # not held until the next comes
            with self._lock:
                self._held -= weight
            if self._idle and self._jobs.empty():
                self._idle()
