"""The JSON Schema of a header takes what the service takes, and refuses what an editor can know to be wrong."""

import datetime as dt
import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator
from pydantic import ValidationError

import queries
from exporter.commands.main import app
from queries.header import Header
from queries.header_schema import schema
from queries.sql_file import parse, split_file
from tests.acceptance.catalogue import DATASETS

ROOT = Path(__file__).parents[2]
FILES = [*Path(queries.__file__).with_name("demo").glob("*.sql"), *(ROOT / "benchmarks/datasets").glob("*.sql")]
TEXTS = {path.name: path.read_text() for path in FILES} | DATASETS
EDITOR = Draft202012Validator(schema())

FULL = """
title = "Orders"
description = "One row per order line."
on_unrepresentable = "null"
source = "cursor"
split_by = "order_id"
statement_timeout = 0.5
max_rows = 0
max_bytes = 1
max_seconds = 1.5
max_estimated_rows = 1
max_exports = 1
cache_control = "private, max-age=60"
parameters.since = { type = "date", default = 2024-01-01, min = 2000-01-01, max = "2030-01-01", description = "x" }
parameters.at = { type = "timestamptz", default = 2024-01-01T00:00:00Z }
parameters.price = { type = "numeric", default = 1.50, min = 0, sensitive = true }
parameters.on = { type = "boolean", default = true }
parameters.many = { type = "integer[]", default = [1, 2] }
parameters.word = { type = "text", nullable = true, pattern = "[a-z]+" }
parameters.kind = { type = "text[]", choices = ["a", "b"] }
columns.price = { type = "decimal(18, 2)", on_unrepresentable = "error" }
columns."A b" = { type = "string" }
"""


def as_json(value: object) -> object:
    """What TOML's tools for editors pass to a schema."""
    match value:
        case Decimal():
            return float(value)
        case dt.date() | dt.time():
            return value.isoformat()
        case _:
            raise TypeError(value)


def fits_schema(toml: dict[str, Any]) -> bool:
    document = json.loads(json.dumps(toml, default=as_json))
    return bool(EDITOR.is_valid(document))


def fits_model(toml: dict[str, Any]) -> bool:
    try:
        Header.model_validate(toml)
    except ValidationError:
        return False
    return True


def test_the_command_prints_a_schema_of_2020_12(capsys: pytest.CaptureFixture[str]) -> None:
    app(["datasets", "schema"], result_action="return_value")
    printed = json.loads(capsys.readouterr().out)
    assert printed == schema()
    assert printed["$schema"] == "https://json-schema.org/draft/2020-12/schema"
    Draft202012Validator.check_schema(printed)


@pytest.mark.parametrize("name", TEXTS)
def test_every_header_that_there_is_fits(name: str) -> None:
    toml = parse(split_file(TEXTS[name], Header.model_fields).header)
    assert fits_schema(toml)
    assert fits_model(toml)


def test_every_key_with_toml_s_own_values_fits() -> None:
    toml = parse(FULL) | {"table": "public.orders"}
    assert toml.keys() == Header.model_fields.keys()
    assert fits_schema(toml)
    assert fits_model(toml)


@pytest.mark.parametrize(
    "wrong",
    [
        'colour = "red"',
        "title = 1",
        'source = "file"',
        'on_unrepresentable = "skip"',
        "max_rows = -1",
        "max_exports = 0",
        "statement_timeout = 0",
        'split_by = ""',
        'cache_control = "a\\nb"',
        'parameters.since = { type = "dat" }',
        "parameters.since = { default = 1 }",
        'parameters.since = { type = "date", colour = "red" }',
        'parameters.Since = { type = "date" }',
        'parameters.kind = { type = "text", choices = [] }',
        'columns.a = { type = "decimal(0,0)" }',
        'columns.a = { type = "decimal(77,0)" }',
        'columns.a = { type = "float" }',
        "columns.a = { width = 3 }",
    ],
)
def test_what_is_wrong_is_refused_by_both(wrong: str) -> None:
    assert not fits_schema(parse(wrong))
    assert not fits_model(parse(wrong))


def test_decimals_are_those_of_the_service_but_for_the_scale() -> None:
    for precision in range(79):
        for scale in range(precision + 1):
            toml = {"columns": {"a": {"type": f"decimal({precision},{scale})"}}}
            assert fits_schema(toml) == fits_model(toml), toml


@pytest.mark.parametrize("part", [schema(), *schema()["$defs"].values()])
def test_every_key_is_described_and_no_other_is_allowed(part: dict[str, Any]) -> None:
    assert part["additionalProperties"] is False
    assert all(key["description"] for key in part["properties"].values())
