"""SIGHUP to the parent of the workers: reloads the datasets and the certificate."""

import logging
import os
import signal
import threading
from collections.abc import Callable, Sequence

from exporter.process.published import Published, changes
from queries.catalog import Catalog, CatalogError

log = logging.getLogger(__name__)


class Reloading:
    """Reloads the datasets; if any of them is invalid, the previous ones stay."""

    def __init__(self, read: Callable[[], Catalog], catalog: Catalog, published: Published) -> None:
        """Take a function that reads them (raising `CatalogError`), the current ones, and where to publish new ones."""
        self._read = read
        self._catalog = catalog
        self._published = published

    def reload(self) -> None:
        """Read, check and publish them; log every error."""
        try:
            found = self._read()
            self._published.publish(found)
        except CatalogError as error:
            for fault in error.faults:
                log.error("datasets not reloaded", extra={"fields": {"reason": str(fault)}})  # noqa: TRY400 - the message says it all
        except Exception:
            # Nothing else would log it, and the thread must stay alive for the next signal.
            log.exception("datasets not reloaded")
        else:
            fields = {"datasets": len(found), **changes(self._catalog, found)}
            log.info("datasets reloaded", extra={"fields": fields})
            self._catalog = found


def on_hangup(*actions: Callable[[], None]) -> None:
    """Run actions in a thread at each SIGHUP since `starting` was imported; several signals may count as one.

    The calling thread has SIGHUP blocked since then, and so have the workers that it starts: a SIGHUP to the whole
    process group, as when a terminal is closed, stops none of them. Other threads may receive the signal. Whichever
    does, Python reports it through the descriptor, even while the calling thread is waiting.
    """
    # Python writes to the descriptor only if there is a handler.
    signal.signal(signal.SIGHUP, lambda *_: None)
    reader, writer = os.pipe()
    os.set_blocking(writer, False)
    signal.set_wakeup_fd(writer, warn_on_full_buffer=False)
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGHUP})
    threading.Thread(target=_wait, args=(reader, actions), daemon=True).start()


def _wait(reader: int, actions: Sequence[Callable[[], None]]) -> None:
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGHUP})
    while signals := os.read(reader, 4096):
        if signal.SIGHUP in signals:
            for action in actions:
                action()
