"""Signal handling during startup: the command imports this first, because all other imports take a second."""

import os
import signal
import sys

_ENDING = (signal.SIGTERM, signal.SIGINT)

_INTERRUPTED = 130
"""How an export ends then; see `exporter.commands.exits`."""


def settle(arguments: list[str]) -> None:
    """If the command is a service, block SIGHUP until it is handled, and ignore SIGUSR1 and SIGUSR2.

    SIGTERM and SIGINT end it at once, and an export too, while there is nothing to clean up.
    """
    if arguments[1:2] == ["export"]:
        for each in _ENDING:
            signal.signal(each, lambda *_: os._exit(_INTERRUPTED))
    if arguments[1:2] not in (["serve"], ["demo"]):
        return
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGHUP})
    for harmless in (signal.SIGUSR1, signal.SIGUSR2):
        signal.signal(harmless, signal.SIG_IGN)
    for each in _ENDING:
        # A container's first process has no default action, and an import could swallow an exception.
        signal.signal(each, lambda *_: os._exit(0))


def end_in_order() -> None:
    """From now on, make SIGTERM and SIGINT leave all entered blocks and exit with 0."""
    for each in _ENDING:
        signal.signal(each, _end)


def _end(*_: object) -> None:
    # Another signal must not interrupt the cleanup.
    for each in _ENDING:
        signal.signal(each, signal.SIG_IGN)
    sys.exit(0)


settle(sys.argv)
