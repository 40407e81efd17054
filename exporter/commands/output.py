"""What the commands say besides their answers, on stderr."""

import sys
from typing import NoReturn


def say(message: str) -> None:
    """Tell in whose name a line is; several lines name their own places."""
    print(f"exporter: {message}" if "\n" not in message else message, file=sys.stderr)  # noqa: T201 - a command's words


def warn(message: str) -> None:
    """Tell of something that does not end the command."""
    print(f"exporter: {message}", file=sys.stderr)  # noqa: T201 - a command's own words


def fail(message: str) -> NoReturn:
    """End the command with status 1, and say why."""
    say(message)
    sys.exit(1)


def reason(error: Exception) -> str:
    """Return what an error says, without the number that the system has for it."""
    if isinstance(error, OSError) and error.filename is not None:
        return f"{error.filename}: {error.strerror}"
    return str(error)
