"""Arguments as Python's own values."""

import datetime as dt
from decimal import Decimal
from typing import Any, cast
from uuid import UUID

import pytest

from exporter.exports.ordering import from_texts, from_values
from queries.declaration import Parameter, ParameterType

EAST = dt.timezone(dt.timedelta(hours=2))


def parameters(*types: ParameterType, **how: Any) -> list[Parameter]:
    return [Parameter(name=f"p{number}", type=type_, **how) for number, type_ in enumerate(types)]


@pytest.mark.parametrize(
    ("type_", "value", "text"),
    [
        ("text", "a,b", "a,b"),
        ("text", "", ""),
        ("bigint", 2**62, str(2**62)),
        ("integer", "7", "7"),
        ("numeric", Decimal("1E+3"), "1000"),
        ("numeric", Decimal("0.10"), "0.10"),
        ("numeric", 1e-7, "1e-07"),
        ("boolean", True, "true"),
        ("date", dt.date(2024, 2, 29), "2024-02-29"),
        ("timestamp", dt.datetime.fromisoformat("2024-02-29T12:30:00.000005"), "2024-02-29T12:30:00.000005"),
        ("timestamptz", dt.datetime(2024, 2, 29, 12, tzinfo=EAST), "2024-02-29T12:00:00+02:00"),
        ("uuid", UUID(int=5), str(UUID(int=5))),
    ],
)
def test_a_value_is_read_as_its_text_is(type_: ParameterType, value: object, text: str) -> None:
    declared = parameters(type_)
    by_value, wrong = from_values(declared, {"p0": value})
    assert not wrong
    assert by_value == from_texts(declared, {"p0": [text]})[0]
    listed = parameters(cast("ParameterType", f"{type_}[]"))
    assert from_values(listed, {"p0": [value, value]})[0] == from_texts(listed, {"p0": [text, text]})[0]


@pytest.mark.parametrize(
    ("type_", "value", "told"),
    [
        ("integer", True, "expected"),
        ("integer", 1.5, "expected"),
        ("date", dt.datetime.fromisoformat("2024-01-01T00:00"), "expected"),
        ("text", object(), "got object"),
        ("text", b"x", "got bytes"),
        ("integer", [1, 2], "expected one value, got 2"),
        ("integer[]", [1, None], "got NoneType"),
        ("text", None, "not nullable"),
    ],
)
def test_what_does_not_fit_is_told_by_name(type_: ParameterType, value: object, told: str) -> None:
    _, (fault,) = from_values(parameters(type_), {"p0": value})
    assert fault.parameter == "p0"
    assert told in fault.detail


def test_none_is_null_even_where_there_is_a_default() -> None:
    declared = [Parameter(name="p", type="text", nullable=True, default="x")]
    assert from_values(declared, {"p": None}) == ({"p": None}, [])
    assert from_values(declared, {}) == ({"p": "x"}, [])


def test_all_faults_are_told_at_once_and_values_keep_the_order_of_declaration() -> None:
    declared = parameters("integer", "date", "text")
    _, faults = from_values(declared, {"p1": object(), "p0": "x", "other": 1})
    assert {fault.parameter for fault in faults} == {"p0", "p1", "p2", "other"}
    values, _ = from_values(declared, {"p2": "c", "p1": dt.date(2024, 1, 1), "p0": 1})
    assert list(values) == ["p0", "p1", "p2"]
