"""Signals while a service starts: the command imports this first, since all other imports take a second.

Until there is something to clean up, SIGTERM and SIGINT end the process at once.
"""

import signal
import sys

_ENDING = (signal.SIGTERM, signal.SIGINT)


def survive(arguments: list[str]) -> None:
    """If the command is a service, have SIGHUP wait until it listens to it, and SIGUSR1 and SIGUSR2 ignored."""
    if arguments[1:2] in (["serve"], ["demo"]):
        signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGHUP})
        for harmless in (signal.SIGUSR1, signal.SIGUSR2):
            signal.signal(harmless, signal.SIG_IGN)
        # Python would show a traceback.
        signal.signal(signal.SIGINT, signal.SIG_DFL)


def end_in_order() -> None:
    """From now on have SIGTERM and SIGINT leave every block that is entered, and end the process with 0."""
    for each in _ENDING:
        signal.signal(each, _end)


def _end(*_: object) -> None:
    # Another one must not interrupt the cleaning up.
    for each in _ENDING:
        signal.signal(each, signal.SIG_IGN)
    sys.exit(0)


survive(sys.argv)
