"""Stops a worker whose parent has died."""

import multiprocessing
import os
import signal
import threading
import time


def end_with_parent(shutdown_timeout: int) -> None:
    """Stop this worker once the process that started it has died, in the same way as that process would.

    Otherwise it would keep serving, unsupervised, on the port that the next start needs.
    """
    parent = multiprocessing.parent_process()
    if parent is not None:
        threading.Thread(target=_wait, args=(parent, shutdown_timeout), daemon=True).start()


def _wait(parent: multiprocessing.process.BaseProcess, shutdown_timeout: int) -> None:
    parent.join()
    os.kill(os.getpid(), signal.SIGTERM)
    time.sleep(shutdown_timeout)
    os.kill(os.getpid(), signal.SIGKILL)
