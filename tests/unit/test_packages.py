"""What the packages promise to whoever imports them, and how the tests import from each other."""

import importlib
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

TESTS = Path(__file__).parents[1]
PACKAGES = ["exporter", "queries", "formats"]


def test_the_wheel_holds_these_packages() -> None:
    project = tomllib.loads((TESTS.parent / "pyproject.toml").read_text())
    assert project["tool"]["hatch"]["build"]["targets"]["wheel"]["packages"] == PACKAGES


@pytest.mark.parametrize("package", PACKAGES)
def test_a_package_says_that_it_is_typed(package: str) -> None:
    assert Path(str(importlib.import_module(package).__file__)).with_name("py.typed").exists()


def test_no_test_imports_from_another() -> None:
    """What several need is a fixture of a conftest, or stands in a module of helpers."""
    wrong = re.compile(r"(from|import) +tests[\w.]*\.test_\w+|from +tests[\w.]* +import +test_\w+")
    found = [(path.name, line) for path in TESTS.rglob("*.py") for line in path.read_text().splitlines()]
    assert [(name, line) for name, line in found if wrong.search(line)] == []


def test_the_exporter_loads_no_framework_of_a_host() -> None:
    code = "import sys, exporter.embedding.exporter as _; print(*{name.partition('.')[0] for name in sys.modules})"
    loaded = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout.split()
    assert "velithon" in loaded
    assert not {"django", "fastapi", "litestar", "quart", "starlette"} & set(loaded)
