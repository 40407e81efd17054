"""The programs of others that the benchmark runs."""

import shutil
from pathlib import Path

from queries import embedded


def psql(url: str) -> list[str]:
    """Return the beginning of a psql command: the system's psql, or the embedded PostgreSQL's."""
    program = shutil.which("psql") or str(embedded.programs() / "psql")
    return [program, "-X", "-v", "ON_ERROR_STOP=1", "--dbname", url]


def curl(url: str, target: Path | str = "/dev/null", *options: str) -> list[str]:
    """Return a curl command that stores the answer in the target and then prints what it found as JSON."""
    answer = '{"bytes": %{size_download}, "first_byte": %{time_starttransfer}, "seconds": %{time_total}}'
    return ["curl", "-q", "-sS", "--fail", "--noproxy", "*", *options, "-o", str(target), "-w", answer, url]
