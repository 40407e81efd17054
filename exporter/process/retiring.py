"""A worker that takes no more connections, and ends with its last export."""

import threading
from contextlib import suppress
from multiprocessing.connection import Connection

from granian.server.mp import WorkerProcess

_HANDSHAKE_SECONDS = 10.0
"""For how long the web server waits for TLS's handshake: later none is under way, and it may be told to stop."""


class Retiring:
    """Has a worker end when it has nothing more to do, however late: nobody has asked the service to stop."""

    def __init__(self, worker: WorkerProcess, link: Connection) -> None:
        """Have it take no more connections, by what `exporter.process.listener.follow` listens to."""
        worker.interrupt_by_parent = True  # its end is no failure
        with suppress(OSError):  # it has ended already
            link.send_bytes(b"leave")
        self._worker = worker
        self._now = threading.Event()
        self._ending = threading.Thread(target=self._end, daemon=True)
        self._ending.start()

    def _end(self) -> None:
        self._now.wait(_HANDSHAKE_SECONDS)
        # Once only: a third SIGTERM would block the event loop of a Granian worker.
        self._worker.terminate()
        self._worker.join()

    @property
    def ended(self) -> bool:
        """Whether its process has ended."""
        return not self._ending.is_alive()

    def stop(self) -> None:
        """Have it stop at once, as the whole service does: exports that run go on."""
        self._now.set()

    def kill_after(self, seconds: float) -> None:
        """Return when it has ended, for which it has some seconds left."""
        self._ending.join(max(0.0, seconds))
        if not self.ended:
            self._worker.kill()
            self._ending.join()
