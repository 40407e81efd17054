"""What a process loads when it starts: much of a start's time, and of each command's."""

import subprocess
import sys

import pytest

HEAVY = {"asyncpg", "granian", "numpy", "pyarrow", "velithon"}


def loaded(module: str) -> set[str]:
    program = f"import sys, {module}; print(*{HEAVY!r} & sys.modules.keys())"
    return set(
        subprocess.run([sys.executable, "-c", program], check=True, capture_output=True, text=True).stdout.split()
    )


@pytest.mark.parametrize(
    ("module", "needed"),
    [
        ("exporter.commands.main", set()),
        ("exporter.commands.export", set()),
        ("exporter.commands.exporting.direct", {"asyncpg", "numpy", "pyarrow"}),
        ("exporter.commands.exporting.remote", {"asyncpg"}),
        ("exporter.process.server", {"asyncpg", "granian", "numpy", "pyarrow"}),
    ],
    ids=["a command", "an export", "from the database", "through a service", "the parent of the workers"],
)
def test_no_process_loads_what_it_has_no_use_for(module: str, needed: set[str]) -> None:
    assert loaded(module) <= needed
