"""Messages of the commands, on stderr."""

import os
import signal
import sys
from typing import NoReturn


def warn(message: str) -> None:
    """Print a warning."""
    print(f"exporter: {message}", file=sys.stderr)  # noqa: T201 - the command's output


def fail(message: str) -> NoReturn:
    """End the command with a message and status 1."""
    sys.exit(f"exporter: {message}" if "\n" not in message else message)


def reason(error: Exception) -> str:
    """Return an error's message, without the system's error number."""
    if isinstance(error, OSError) and error.filename is not None:
        return f"{error.filename}: {error.strerror}"
    return str(error)


def die_of_closed_pipe() -> NoReturn:
    """End as `cat` does when `head` has had enough: by SIGPIPE, which shells distinguish from a failure."""
    signal.signal(signal.SIGPIPE, signal.SIG_DFL)
    os.kill(os.getpid(), signal.SIGPIPE)
    os._exit(128 + signal.SIGPIPE)
