"""The command line as its users run it: a process of its own, to its end."""

import subprocess
from typing import TYPE_CHECKING

from benchmarks.environment import environment
from tests.acceptance.service import COMMAND, PATIENCE

if TYPE_CHECKING:
    from pathlib import Path


def exporter(*arguments: object, **settings: object) -> "subprocess.CompletedProcess[str]":
    """Run the command to its end."""
    command: list[str | Path] = [COMMAND, *map(str, arguments)]
    return subprocess.run(
        command, capture_output=True, check=False, text=True, timeout=PATIENCE, env=environment(settings)
    )


def started(*arguments: object, **settings: object) -> "subprocess.Popen[bytes]":
    """Start the command; what it writes is in pipes."""
    command: list[str | Path] = [COMMAND, *map(str, arguments)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=environment(settings))
