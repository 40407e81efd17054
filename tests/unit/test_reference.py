"""The parts of the documentation that are made from code are as the code has them."""

import re
import runpy
from pathlib import Path

import pytest

from exporter.settings.settings import Settings

ROOT = Path(__file__).parents[2]
REFERENCE = runpy.run_path(str(ROOT / ".ci" / "reference.py"))
PAGES = sorted((ROOT / "docs").glob("*.md"))


@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.name)
def test_a_page_is_as_the_code_has_it(path: Path) -> None:
    page = path.read_text()
    assert page == REFERENCE["filled"](page), "run `make reference`"


def test_every_section_is_on_a_page_once() -> None:
    marked = [name for path in PAGES for name in re.findall(r"<!-- made from code: ([a-z-]+);", path.read_text())]
    assert sorted(marked) == sorted(REFERENCE["SECTIONS"])


def test_every_setting_is_in_the_table_of_one_group() -> None:
    rows = [row for group in REFERENCE["GROUPS"] for row in REFERENCE["settings"](group)]
    told = [name for row in rows for name in re.findall(r"^\| `EXPORTER_(\w+)`", row)]
    assert sorted(told) == sorted(name.upper() for name in Settings.model_fields)


def test_every_setting_is_described() -> None:
    assert [name for name, field in Settings.model_fields.items() if not field.description] == []


def test_what_has_changed_in_the_code_makes_a_page_stale() -> None:
    page = (ROOT / "docs" / "settings.md").read_text()
    changed = page.replace("| `EXPORTER_POOL_SIZE` | `10` |", "| `EXPORTER_POOL_SIZE` | `11` |")
    assert changed != page
    assert REFERENCE["filled"](changed) == page
