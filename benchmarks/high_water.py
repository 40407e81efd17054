"""The most memory that a process ever had."""

from pathlib import Path


def high_water(pid: int) -> int | None:
    """Return the peak of the resident memory (RSS) of a process that runs, in bytes; known on Linux only.

    Not rusage's: a child inherits what its parent had when it was started.
    """
    try:
        lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    except OSError:
        return None
    return next((int(line.split()[1]) * 1024 for line in lines if line.startswith("VmHWM:")), None)
