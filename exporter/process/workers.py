"""The worker processes, and their replacement when the certificate is renewed."""

import logging
import multiprocessing
import socket
import sys
import threading
import time
from collections.abc import Callable, Sequence
from functools import partial
from multiprocessing import connection
from multiprocessing.connection import Connection
from typing import TYPE_CHECKING, Any

from granian.net import SocketSpec
from granian.server.mp import MPServer, WorkerProcess

from exporter.process.listener import follow
from exporter.process.retiring import Retiring
from exporter.process.tls import Certificate, Tls

if TYPE_CHECKING:
    from exporter.http.asgi import AsgiAdapter

_START_SECONDS = 60.0
"""How long new workers may take to start before the renewal is given up."""
_LOOK_SECONDS = 0.1

Load = Callable[[], "AsgiAdapter"]

log = logging.getLogger(__name__)


class Workers(MPServer):
    """The parent: starts workers, replaces those that die, and replaces all when the certificate is renewed.

    The parent shares each worker's listening socket, so that waiting connections survive the worker. Everything except
    `renew` must be called on the main thread.
    """

    def __init__(self, target: str, *, certificate: Certificate | None = None, **options: Any) -> None:
        """Take the certificate to serve, and Granian's own options."""
        tls = certificate.copies if certificate else None
        super().__init__(target, ssl_cert=tls.certificate if tls else None, ssl_key=tls.key if tls else None, **options)
        self.ssl_ctx: tuple[Any, ...]
        self._certificate = certificate
        self._listeners: list[tuple[Any, socket.socket]] = []
        self._links: dict[int, Connection] = {}
        self._retiring: list[Retiring] = []

    def renew(self) -> None:
        """Replace all workers soon if the certificate or its key has changed; the outcome is logged."""
        if self._certificate:
            self.reload_signal = True
            self.main_loop_interrupt.set()

    def signal_handler_reload(self, *_: object) -> None:
        """Do nothing at SIGHUP, which a thread handles."""

    def _init_shared_socket(self) -> None:
        # Only Linux distributes connections among several sockets of one port.
        for _ in range(self.workers if sys.platform == "linux" else 1):
            holder = SocketSpec(self.bind_addr, self.bind_port, self.backlog).build()
            self._listeners.append((holder, socket.socket(fileno=holder.get_fd())))

    def _drop_shared_socket(self) -> None:
        for _, listener in self._listeners:
            listener.close()

    def _spawn_worker(self, idx: int, target: Any, callback_loader: Load) -> WorkerProcess:
        self._shd, self._sso = self._listeners[idx % len(self._listeners)]
        self._links[idx], theirs = multiprocessing.Pipe()
        following = partial(_following, callback_loader, theirs, self._sso.fileno())
        return super()._spawn_worker(idx, target, following)

    def _respawn_workers(self, workers: Sequence[int], *arguments: Any, **options: Any) -> None:
        # A worker that died may have been replaced in the meantime.
        super()._respawn_workers([idx for idx in workers if not self.wrks[idx].is_alive()], *arguments, **options)

    def _stop_workers(self) -> None:
        began = time.monotonic()
        for worker in self._retiring:
            worker.stop()
        super()._stop_workers()
        for worker in self._retiring:
            worker.kill_after(self.workers_kill_timeout - (time.monotonic() - began))

    def _reload(self, spawn_target: Any, target_loader: Load) -> None:
        self.reload_signal = False
        self.main_loop_interrupt.clear()
        try:
            self._renew(spawn_target, target_loader)
        except (OSError, ValueError) as error:
            log.error("certificate not renewed", extra={"fields": {"reason": str(error)}})  # noqa: TRY400 - the message says it all
        except Exception:
            log.exception("certificate not renewed")
        if self.interrupt_signal or self.interrupt_children or self.reload_signal:
            self.main_loop_interrupt.set()

    def _renew(self, spawn_target: Any, target_loader: Load) -> None:
        certificate = self._certificate
        renewed = certificate.renewed() if certificate else None
        if certificate is None or renewed is None:
            log.info("certificate unchanged")
            return
        if sys.platform != "linux":
            raise ValueError("a new certificate needs a restart on this platform")
        try:
            self._replace(renewed, spawn_target, target_loader)
            certificate.serve(renewed)
        except BaseException:
            renewed.remove()
            raise
        log.info("certificate renewed", extra={"fields": {"workers": self.workers, "retiring": len(self._retiring)}})

    def _replace(self, tls: Tls, spawn_target: Any, target_loader: Load) -> None:
        """Replace all workers, or none.

        Raises:
            OSError: a worker could not be started, or did not accept connections in time.
            ValueError: a worker exited before it accepted any, or the service is stopping.
        """
        context = self.ssl_ctx
        links = dict(self._links)
        self.ssl_ctx = True, str(tls.certificate), str(tls.key), *context[3:]
        fresh = list[WorkerProcess]()
        try:
            for idx in range(self.workers):
                worker = self._spawn_worker(idx, spawn_target, target_loader)
                worker.inner.start()
                fresh.append(worker)
            self._wait_for(fresh)
        except BaseException:
            self._retire(fresh, self._links)
            self.ssl_ctx, self._links = context, links
            raise
        self._retire(self.wrks, links)
        self.wrks[:] = fresh
        for worker in fresh:
            worker._watch()  # noqa: SLF001 - as its `start` does, which would have replaced a dying worker too early

    def _wait_for(self, fresh: Sequence[WorkerProcess]) -> None:
        deadline = time.monotonic() + _START_SECONDS
        waited: dict[Any, Connection] = {self._links[worker.idx]: self._links[worker.idx] for worker in fresh}
        while waited:
            if self.interrupt_signal:
                raise ValueError("the service is stopping")
            if time.monotonic() > deadline:
                raise TimeoutError(f"new workers accepted no connections within {_START_SECONDS:g} seconds")
            for link in connection.wait(waited, _LOOK_SECONDS):
                try:
                    waited.pop(link).recv_bytes()
                except EOFError:
                    raise ValueError("a new worker exited while starting; the log above may say why") from None

    def _retire(self, workers: Sequence[WorkerProcess], links: dict[int, Connection]) -> None:
        gone = [Retiring(worker, links[worker.idx]) for worker in workers]
        self._retiring = [worker for worker in self._retiring if not worker.ended] + gone


def _following(load: Load, parent: Connection, listener: int) -> "AsgiAdapter":
    """Return the application of a worker, after starting a thread that communicates with the parent."""
    application = load()
    if sys.platform == "linux":
        threading.Thread(target=follow, args=(parent, listener, application.leave), daemon=True).start()
    return application
