"""The end of a worker whose parent is gone."""

import multiprocessing
import os
import signal
import threading


def end_with_parent() -> None:
    """Have this worker stop as after SIGTERM once the process that started it has died; nothing where there is none.

    Left alone, it would go on to serve, supervised by nobody, on the port that the next start needs.
    """
    parent = multiprocessing.parent_process()
    if parent is not None:
        threading.Thread(target=_wait, args=(parent,), daemon=True).start()


def _wait(parent: multiprocessing.process.BaseProcess) -> None:
    parent.join()
    os.kill(os.getpid(), signal.SIGTERM)
