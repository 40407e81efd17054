"""What the packages promise to whoever imports them."""

import importlib
from pathlib import Path

import pytest


@pytest.mark.parametrize("package", ["exporter", "queries", "formats"])
def test_a_package_says_that_it_is_typed(package: str) -> None:
    assert Path(str(importlib.import_module(package).__file__)).with_name("py.typed").exists()
