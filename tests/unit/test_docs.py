"""The documents name everything that there is: a setting, option, key or problem that is left out fails here."""

import re
from pathlib import Path

import pytest

from exporter.exports.options import option_models
from exporter.http.problems import STATUS
from exporter.problems import ProblemType
from exporter.settings.settings import Settings
from exporter.web.downloads import DownloadOptions
from formats import registry
from queries.declaration import Parameter
from queries.header import ColumnOverride, Header
from queries.types import Kind

ROOT = Path(__file__).parents[2]

KEYS_OF_PARAMETERS = {field.alias or name for name, field in Parameter.model_fields.items()}


def _table_rows(name):
    """The cells of every table row of a document."""
    lines = (ROOT / "docs" / name).read_text().splitlines()
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines if line.startswith("|")]


def _first_cells(name):
    return " ".join(row[0] for row in _table_rows(name))


@pytest.mark.parametrize("name", Settings.model_fields)
def test_every_setting_is_documented_with_its_default(name):
    (row,) = [row for row in _table_rows("settings.md") if f"`EXPORTER_{name.upper()}`" in row[0]]
    default = Settings.model_fields[name].default
    if name not in ("database_url", "datasets", "threads"):
        assert row[1] == _shown(default)


def _shown(default):
    match default:
        case None:
            return ""
        case bool():
            return "on" if default else "off"
        case float():
            return f"{default:g}"
        case tuple():
            return ",".join(default)
        case _:
            return str(default)


@pytest.mark.parametrize("problem", ProblemType)
def test_every_problem_is_documented_with_its_status(problem):
    slug = problem.urn.rpartition(":")[2]
    assert [f"`{slug}`", str(STATUS[problem])] in [row[:2] for row in _table_rows("http.md")]


@pytest.mark.parametrize("format_", registry.BUILT_IN, ids=lambda format_: format_.name)
def test_every_option_is_documented_for_the_formats_that_have_it(format_):
    documented = {
        re.match(r"`_(\w+)", row[0])[1]
        for row in _table_rows("http.md")
        if row[0].startswith("`_") and (row[1] == "all" or format_.name in row[1])
    }
    assert documented == {name for model in option_models(format_, DownloadOptions) for name in model.model_fields}


def test_every_key_of_a_header_is_documented():
    documented = set(re.findall(r"`(\w+)`", _first_cells("datasets.md")))
    declared = set(Header.model_fields) | KEYS_OF_PARAMETERS - {"name"}
    assert declared <= documented
    assert set(ColumnOverride.model_fields) <= set(re.findall(r"\w+", (ROOT / "docs/datasets.md").read_text()))


def test_the_documents_promise_no_key_that_does_not_exist():
    documented = set(re.findall(r"`(\w+)`", _first_cells("datasets.md")))
    assert documented <= set(Header.model_fields) | KEYS_OF_PARAMETERS


def test_every_link_between_documents_leads_somewhere():
    for document in [*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md")]:
        for target in re.findall(r"\]\((?!https?:)([^)#]+)", document.read_text()):
            assert (document.parent / target).exists(), (document.name, target)


def _recipes(text):
    """The lines of a document's indented and fenced code, those joined that a backslash continues."""
    code = re.findall(r"^(?: {4,}|\t)(.+)$", text, re.MULTILINE)
    for block in re.findall(r"^```\w*\n(.*?)^```", text, re.MULTILINE | re.DOTALL):
        code += block.replace("\\\n", " ").splitlines()
    return code


def _hides_a_failure(recipe):
    """Whether a pipe loses curl's exit code, or an error's document is taken for rows."""
    piped = (
        re.search(r"\bcurl\b[^|;&]*\|(?!\|)", re.sub(r"'[^']*'|\"[^\"]*\"", "", recipe)) and "pipefail" not in recipe
    )
    fails = re.search(r"\bcurl\b.* (?:-[a-zA-Z]*f[a-zA-Z]*|--fail(?:-with-body)?)(?: |$)", recipe)
    return bool(piped) or ("/datasets/" in recipe and "curl" in recipe and not fails)


def test_no_recipe_hides_a_failure():
    documents = [*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md"), *(ROOT / "deploy").glob("*.*")]
    recipes = [recipe for document in documents for recipe in _recipes(document.read_text())]
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
def test_what_hides_a_failure(recipe, hides):
    assert _hides_a_failure(recipe) is hides


def test_no_kind_of_value_is_without_a_line_in_the_type_table():
    text = (ROOT / "docs" / "types.md").read_text()
    for kind in Kind:
        name = {"oid": "oid", "plain": "network", "document": "composites", "array": "T[]", "float": "real"}
        assert name.get(kind.value, kind.value) in text, kind
