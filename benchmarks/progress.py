"""Telling on standard error what is going on."""

import sys
import time

_STARTED = time.monotonic()


def say(text: str) -> None:
    """Print a line with the seconds since the start."""
    print(f"[{time.monotonic() - _STARTED:7.1f}] {text}", file=sys.stderr, flush=True)
