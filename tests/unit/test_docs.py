"""What is written by hand in the documents agrees with the code; `test_reference` sees to what is made from it."""

import re
from pathlib import Path

import pytest

from exporter.commands.exits import Exit
from exporter.exports.options import option_models
from exporter.problems import ProblemType
from exporter.settings.settings import Settings
from exporter.web.downloads import DownloadOptions
from formats import registry
from formats.encoder import Format
from queries.types import Kind

ROOT = Path(__file__).parents[2]
PACKAGES = ("exporter", "queries", "formats")
DOCUMENTS = [*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md")]


def _table_rows(name: str) -> list[list[str]]:
    """The cells of every table row of a document."""
    lines = (ROOT / "docs" / name).read_text().splitlines()
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines if line.startswith("|")]


def test_the_documents_name_no_setting_that_does_not_exist() -> None:
    known = {f"EXPORTER_{name.upper()}" for name in Settings.model_fields}
    for document in DOCUMENTS:
        named = set(re.findall(r"\bEXPORTER_(?!TEST_)[A-Z_]+[A-Z]\b", document.read_text()))
        assert named <= known or document.name == "CHANGELOG.md", (document.name, named - known)


def test_the_notes_on_problems_name_none_that_does_not_exist() -> None:
    noted = re.findall(r"^- `([a-z-]+)`: ", (ROOT / "docs" / "http.md").read_text(), re.MULTILINE)
    assert len(noted) > 5
    assert set(noted) <= {problem.slug for problem in ProblemType}


def test_every_exit_code_is_documented() -> None:
    documented = [int(row[0]) for row in _table_rows("command-line.md") if row[0].isdigit()]
    assert documented == [0, *Exit]


@pytest.mark.parametrize("format_", registry.BUILT_IN, ids=lambda format_: format_.name)
def test_every_option_is_documented_for_the_formats_that_have_it(format_: Format) -> None:
    documented = {
        row[0].removeprefix("`_").partition("=")[0]
        for row in _table_rows("http.md")
        if row[0].startswith("`_") and (row[1] == "all" or format_.name in row[1])
    }
    assert documented == {name for model in option_models(format_, DownloadOptions) for name in model.model_fields}


def test_every_link_between_documents_leads_somewhere() -> None:
    for document in DOCUMENTS:
        for target, anchor in re.findall(r"\]\((?!https?:)([^)#]*)(?:#([^)]+))?\)", document.read_text()):
            path = document.parent / target if target else document
            assert path.exists(), (document.name, target)
            assert not anchor or anchor in _anchors(path.read_text()), (document.name, target, anchor)


def _anchors(text: str) -> set[str]:
    """The anchors of a document's headings, as GitHub makes them."""
    headings = re.findall(r"^#+ (.+)$", text, re.MULTILINE)
    return {re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in headings}


def _recipes(text: str) -> list[str]:
    """The lines of a document's indented and fenced code, those joined that a backslash continues."""
    code = re.findall(r"^(?: {4,}|\t)(.+)$", text, re.MULTILINE)
    for block in re.findall(r"^```\w*\n(.*?)^```", text, re.MULTILINE | re.DOTALL):
        code += block.replace("\\\n", " ").splitlines()
    return code


def _hides_a_failure(recipe: str) -> bool:
    """Whether a pipe loses curl's exit code, or an error's document is taken for rows."""
    piped = (
        re.search(r"\bcurl\b[^|;&]*\|(?!\|)", re.sub(r"'[^']*'|\"[^\"]*\"", "", recipe)) and "pipefail" not in recipe
    )
    fails = re.search(r"\bcurl\b.* (?:-[a-zA-Z]*f[a-zA-Z]*|--fail(?:-with-body)?)(?: |$)", recipe)
    return bool(piped) or ("/datasets/" in recipe and "curl" in recipe and not fails)


def test_no_recipe_hides_a_failure() -> None:
    sources = [*DOCUMENTS, *(ROOT / "deploy").glob("*.*")]
    recipes = [recipe for document in sources for recipe in _recipes(document.read_text())]
    assert [recipe for recipe in recipes if _hides_a_failure(recipe)] == []
    assert sum("curl" in recipe for recipe in recipes) > 5


@pytest.mark.parametrize(
    ("recipe", "hides"),
    [
        ("curl -fsS 'http://host/datasets/a.csv' | load", True),
        ("curl -s http://host/datasets/a.csv | python -c 'x'", True),
        ("set -o pipefail; curl -fsS http://host/datasets/a.csv | load", False),
        ("curl -o a.csv http://host/datasets/a.csv", True),
        ("curl -fo a.csv 'http://host/datasets/a.csv?x=a|b'", False),
        ("curl --fail http://host/datasets/a.csv || exit 1", False),
        ("curl http://host/healthz", False),
    ],
)
def test_what_hides_a_failure(recipe: str, hides: bool) -> None:
    assert _hides_a_failure(recipe) is hides


def test_no_kind_of_value_is_without_a_line_in_the_type_table() -> None:
    text = (ROOT / "docs" / "types.md").read_text()
    for kind in Kind:
        name = {"oid": "oid", "plain": "network", "document": "composites", "array": "T[]", "float": "real"}
        assert name.get(kind.value, kind.value) in text, kind


def test_every_file_that_the_documents_name_exists() -> None:
    named = [
        (document.name, path)
        for document in DOCUMENTS
        if document.name != "CHANGELOG.md"
        for path in re.findall(
            r"`((?:exporter|queries|formats|tests|benchmarks|docs|deploy)/[\w./-]*)`", document.read_text()
        )
    ]
    assert len(named) > 20
    assert [(name, path) for name, path in named if "NAME" not in path and not (ROOT / path).exists()] == []


def test_every_word_of_the_glossary_is_used_in_the_code() -> None:
    words = re.findall(r"\*\*([\w ]+)\*\*", (ROOT / "docs" / "glossary.md").read_text())
    code = "\n".join(path.read_text() for package in PACKAGES for path in (ROOT / package).rglob("*.py")).lower()
    assert len(words) > 40
    assert [word for word in words if word not in code] == []
