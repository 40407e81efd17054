"""SIGHUP to the parent of the workers: the datasets and the certificate are read again."""

import logging
import os
import signal
import threading
from collections.abc import Callable, Sequence

from exporter.process.published import Published, changes
from queries.catalog import Catalog, CatalogError

log = logging.getLogger(__name__)


class Reloading:
    """Reads the datasets again when it is told to; with anything wrong about any of them those of before stay."""

    def __init__(self, read: Callable[[], Catalog], catalog: Catalog, published: Published) -> None:
        """Take what reads them (raising `CatalogError`), those that are published now, and where others are to be."""
        self._read = read
        self._catalog = catalog
        self._published = published

    def reload(self) -> None:
        """Read, check and publish them; whatever is in the way is told in the log."""
        try:
            found = self._read()
            self._published.publish(found)
        except CatalogError as error:
            for fault in error.faults:
                log.error("datasets not reloaded", extra={"fields": {"reason": str(fault)}})  # noqa: TRY400 - told whole
        except Exception:
            # Nobody else would tell, and the next signal counts too.
            log.exception("datasets not reloaded")
        else:
            fields = {"datasets": len(found), **changes(self._catalog, found)}
            log.info("datasets reloaded", extra={"fields": fields})
            self._catalog = found


def on_hangup(*actions: Callable[[], None]) -> None:
    """Have a thread do something at each SIGHUP since `starting` was imported; several may count as one.

    This thread has SIGHUP blocked since then, so the workers that it starts have, from the first: one to the whole
    group, as when a terminal is closed, ends none of them. Threads of libraries may take it too; whichever does, Python
    tells by the descriptor, also while this thread waits for something else.
    """
    # Without any, no descriptor is told; whoever sets another does nothing in it.
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
