"""A worker that accepts no more connections and exits after its last export."""

import threading
from contextlib import suppress
from multiprocessing.connection import Connection

from granian.server.mp import WorkerProcess

_HANDSHAKE_SECONDS = 10.0
"""How long the web server waits for a TLS handshake: after that none is pending, and it can be stopped."""


class Retiring:
    """Lets a worker exit when it has nothing more to do, however late, since the service is not stopping."""

    def __init__(self, worker: WorkerProcess, link: Connection) -> None:
        """Make it stop accepting connections, through the link that `exporter.process.listener.follow` reads."""
        worker.interrupt_by_parent = True  # its exit is not a failure
        with suppress(OSError):  # it has already exited
            link.send_bytes(b"leave")
        self._worker = worker
        self._now = threading.Event()
        self._ending = threading.Thread(target=self._end, daemon=True)
        self._ending.start()

    def _end(self) -> None:
        self._now.wait(_HANDSHAKE_SECONDS)
        # Only once: a third SIGTERM would block the event loop of a Granian worker.
        self._worker.terminate()
        self._worker.join()

    @property
    def ended(self) -> bool:
        """Whether its process has ended."""
        return not self._ending.is_alive()

    def stop(self) -> None:
        """Stop it at once, like the whole service: running exports continue."""
        self._now.set()

    def kill_after(self, seconds: float) -> None:
        """Wait until it has ended, and kill it after so many seconds."""
        self._ending.join(max(0.0, seconds))
        if not self.ended:
            self._worker.kill()
            self._ending.join()
