"""The command line as its users run it: a process of its own, to its end."""

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager

from benchmarks.environment import environment
from tests.acceptance.service import COMMAND, PATIENCE


def exporter(*arguments: object, **settings: object) -> "subprocess.CompletedProcess[str]":
    """Run the command to its end."""
    command = [str(COMMAND), *map(str, arguments)]
    return subprocess.run(
        command, capture_output=True, check=False, text=True, timeout=PATIENCE, env=environment(settings)
    )


@contextmanager
def started(*arguments: object, **settings: object) -> Iterator["subprocess.Popen[bytes]"]:
    """Run the command until the block ends; what it writes is in pipes."""
    command = [str(COMMAND), *map(str, arguments)]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=environment(settings)
    ) as process:
        try:
            yield process
        finally:
            process.kill()
