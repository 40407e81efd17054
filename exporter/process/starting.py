"""Signals while a service starts: the command imports this first, since all other imports take a second."""

import os
import signal
import sys

_ENDING = (signal.SIGTERM, signal.SIGINT)

_INTERRUPTED = 130
"""How an export ends then; see `exporter.commands.exits`."""


def settle(arguments: list[str]) -> None:
    """If the command is a service, have SIGHUP wait until it listens to it, and SIGUSR1 and SIGUSR2 ignored.

    SIGTERM and SIGINT end it at once, as long as there is nothing to clean up; an export too.
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
        # A container's first process has no default action, and an exception may be lost in an import.
        signal.signal(each, lambda *_: os._exit(0))


def end_in_order() -> None:
    """From now on have SIGTERM and SIGINT leave every block that is entered, and end the process with 0."""
    for each in _ENDING:
        signal.signal(each, _end)


def _end(*_: object) -> None:
    # Another one must not interrupt the cleaning up.
    for each in _ENDING:
        signal.signal(each, signal.SIG_IGN)
    sys.exit(0)


settle(sys.argv)
