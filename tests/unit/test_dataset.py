"""Datasets are declared in Python under the same rules as in a file."""

from pathlib import Path
from typing import Any

import pytest
from pydantic import BaseModel

from queries.catalog import load
from queries.dataset import Dataset
from queries.declaration import Declaration
from queries.header import ColumnOverride, Header
from tests.unit.files import ORDERS, write


def test_a_dataset_in_python_is_that_of_a_file(tmp_path: Path) -> None:
    (loaded,) = load(write(tmp_path, orders=ORDERS)).values()
    declared = Dataset(
        "orders",
        sql=loaded.sql,
        title="Orders",
        description='min = "not a key"\n',
        source="cursor",
        statement_timeout=1.5,
        cache_control="max-age=60",
        on_unrepresentable="null",
        parameters={
            "since": Declaration(type="date", default="2024-01-01"),
            "ids": {"type": "integer[]", "nullable": True},
        },
        columns={"total": {"type": "decimal(12, 2)"}, "Kurs €": ColumnOverride(on_unrepresentable="error")},
    )
    assert declared == loaded.model_copy(update={"path": None, "line": 1})
    assert declared.query.numbered() == loaded.query.numbered()
    assert declared.parameters == loaded.parameters


def test_a_table_is_exported_whole() -> None:
    dataset = Dataset("orders", table="public.Orders")
    assert (dataset.title, dataset.query.numbered()) == ("orders", 'SELECT * FROM "public"."orders"')


@pytest.mark.parametrize(
    ("declared", "told"),
    [
        ({"name": "a b", "sql": "SELECT 1"}, "expected a name of letters"),
        ({"sql": "SELECT 1", "titel": "T"}, "titel"),
        ({"sql": "SELECT 1", "max_rows": -1}, "max_rows"),
        ({"sql": "SELECT 1", "max_rows": "7"}, "max_rows"),
        ({"sql": "SELECT :p", "parameters": {"p": {"type": "dat"}}}, "parameters.p.type"),
        ({"sql": "SELECT :since"}, ":since is not declared"),
        ({"sql": "SELECT 1", "parameters": {"p": {"type": "date"}}}, ":p is declared but not used"),
        ({"sql": "SELECT 1", "table": "a"}, "remove one"),
        ({"sql": " -- nothing"}, "no SQL"),
        ({"table": "a", "split_by": "id"}, "remove split_by"),
        ({"sql": "SELECT id FROM a", "split_by": "id", "source": "cursor"}, "one connection"),
        ({"sql": "SELECT id FROM a LIMIT 5", "split_by": "id"}, "LIMIT"),
        ({"sql": "SELECT 1", "header": Header(), "title": "T"}, "not both"),
    ],
)
def test_what_is_wrong_is_refused(declared: dict[str, Any], told: str) -> None:
    with pytest.raises(TypeError if told == "not both" else ValueError, match=told):
        Dataset(**{"name": "orders", **declared})


@pytest.mark.parametrize("model", [Header, Declaration, ColumnOverride])
def test_every_key_is_described(model: type[BaseModel]) -> None:
    for name, field in model.model_fields.items():
        assert (field.description or "").endswith("."), name


def test_bounds_are_those_that_are_set() -> None:
    assert Dataset("a", sql="SELECT 1").header.own_bounds() == {}
    bounds: dict[str, Any] = {"max_rows": 0, "max_seconds": 1.5}
    assert Dataset("a", sql="SELECT 1", **bounds).header.own_bounds() == bounds
