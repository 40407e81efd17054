"""What the matrix of faults and the threat model say is shown by tests and scripts that exist; each row names one."""

import ast
import re
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PROMISES = (ROOT / "SECURITY.md").read_text().partition("## What is promised")[2]
LINES = [*(ROOT / "docs" / "reliability.md").read_text().splitlines(), *PROMISES.splitlines()]
HEADS = ("| fault |", "| promise |", "| --- |")
ROWS = [line for line in LINES if line.startswith("| ") and not line.startswith(HEADS)]


@cache
def functions(path: str) -> set[str]:
    """The names of a file's functions."""
    tree = ast.parse((ROOT / path).read_text())
    return {node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)}


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.split(" | ")[0].strip("| "))
def test_every_row_names_what_shows_it(row: str) -> None:
    named = re.findall(r"`([\w/]+\.py)::(\w+)`", row)
    assert named
    for path, name in named:
        assert name in functions(path)


def test_there_is_a_matrix() -> None:
    assert len(ROWS) > 60
