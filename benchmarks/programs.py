"""The programs of others that the benchmark runs."""

import shutil

from queries import embedded


def psql(url: str) -> list[str]:
    """Return the beginning of a psql command: the system's psql, or the embedded PostgreSQL's."""
    program = shutil.which("psql") or str(embedded.programs() / "psql")
    return [program, "-X", "-v", "ON_ERROR_STOP=1", "--dbname", url]
