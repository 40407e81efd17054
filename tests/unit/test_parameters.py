"""What an argument may look like, what becomes of it, and what a caller is told."""

import re
import sys
from typing import Any

import pytest
from pydantic import ValidationError

from queries.parameters import ArgumentFault, Parameter, json_schema, validate


def parameter(type_: str, name: str = "p", **declared: Any) -> Parameter:
    return Parameter.model_validate({"name": name, "type": type_, **declared})


@pytest.mark.parametrize(
    ("type_", "written", "canonical"),
    [
        ("text", "", ""),
        ("text", "  a\r\nb'\\ ", "  a\r\nb'\\ "),
        ("smallint", " 5 ", "5"),
        ("smallint", "-32768", "-32768"),
        ("integer", "+2147483647", "2147483647"),
        ("bigint", "-9223372036854775808", "-9223372036854775808"),
        ("bigint", "0" * 10_000 + "7", "7"),
        ("numeric", "1.50", "1.50"),
        ("numeric", ".5", "0.5"),
        ("numeric", "5.", "5"),
        ("numeric", "-1e3", "-1E+3"),
        ("numeric", "0e99999999999", "0"),
        ("numeric", "1E131071", "1E+131071"),
        ("numeric", "1e-16383", "1E-16383"),
        ("numeric", "0.0001e131075", "1E+131071"),
        ("boolean", "YES", "true"),
        ("boolean", "0", "false"),
        ("boolean", "Off", "false"),
        ("date", "0001-01-01", "0001-01-01"),
        ("date", "9999-12-31", "9999-12-31"),
        ("timestamp", "2024-01-31", "2024-01-31 00:00:00"),
        ("timestamp", "2024-01-31T13:30", "2024-01-31 13:30:00"),
        ("timestamp", "2024-01-31 13:30:05,25", "2024-01-31 13:30:05.250000"),
        ("timestamptz", "2024-01-31T13:30:00Z", "2024-01-31 13:30:00+00:00"),
        ("timestamptz", "2024-01-31", "2024-01-31 00:00:00+00:00"),
        ("timestamptz", "2024-01-31t13:30:00.000001-0530", "2024-01-31 13:30:00.000001-05:30"),
        ("timestamptz", "0001-01-01T00:00+15", "0001-01-01 00:00:00+15:00"),
        ("uuid", "123E4567E89B12D3A456426614174000", "123e4567-e89b-12d3-a456-426614174000"),
        ("uuid", "123e4567-e89b-12d3-a456-426614174000", "123e4567-e89b-12d3-a456-426614174000"),
    ],
)
def test_a_value_becomes_canonical_text(type_: str, written: str, canonical: str) -> None:
    assert parameter(type_).parse([written]) == canonical


REFUSED = {
    "text": ["a\0b", "\ud800"],
    "smallint": ["32768", "-32769"],
    "integer": ["-2147483649", "", "1.0", "1e3", "1_000", "0x1f", "٣", "--1", "+", "1 2"],
    "bigint": ["9223372036854775808", "9" * 100_000],
    "numeric": [
        "", ".", "NaN", "Infinity", "-inf", "1e", "1e1.5", "1_0", "0x1", "٣", "1,5", "1e131072", "1e-16384",
        "1e999999999999999999999999", "1e-999999999999999999999999", "9" * 131073,
    ],
    "boolean": ["", "2", "maybe", "truee"],
    "date": [
        "2024-02-30", "2024-1-1", "20240101", "2024-W01-1", "31.01.2024", "0000-01-01", "10000-01-01", "infinity",
        "today", "2024-01-01T00:00", "٢٠٢٤-01-01", "-2024-01-01", "2024-01-01 BC", "",
    ],
    "timestamp": [
        "2024-01-01T00:00Z", "2024-01-01T00:00+02:00", "2024-01-01T24:00", "2024-01-01T23:59:60",
        "2024-01-01T00:00:00.1234567", "now", "2024-01-01T", "2024-01-01-05", "",
    ],
    "timestamptz": ["2024-01-01T00:00+16:00", "2024-01-01T00:00+01:60", "2024-01-01Z", "epoch", ""],
    "uuid": [
        "", "123e4567-e89b-12d3-a456-42661417400", "{123e4567-e89b-12d3-a456-426614174000}",
        "123e4567e89b-12d3-a456-426614174000", "g" * 32, "٣" * 32,
    ],
}  # fmt: skip


@pytest.mark.parametrize("type_", REFUSED)
def test_what_does_not_fit_its_type_is_refused(type_: str) -> None:
    for written in REFUSED[type_]:
        with pytest.raises(ValueError, match="expected"):
            parameter(type_).parse([written])


@pytest.mark.parametrize("digits", ["0" * 2_000_000 + "x", "1e" + "0" * 2_000_000 + "x", "9" * 2_000_000])
@pytest.mark.parametrize("type_", ["bigint", "numeric"])
def test_long_numbers_are_refused_in_linear_time(type_: str, digits: str) -> None:
    with pytest.raises(ValueError, match="expected"):
        parameter(type_).parse([digits])


def test_a_refusal_repeats_a_long_value_only_in_part() -> None:
    with pytest.raises(ValueError, match="expected an integer, got 'xxx") as caught:
        parameter("integer").parse(["x" * 10_000])
    assert len(str(caught.value)) < 100


@pytest.mark.parametrize("written", ["2024-01-31T13:30:00 02:00", "2024-01-31 13:30 02", "2024-01-31T13:30:00.5 0200"])
def test_an_offset_that_lost_its_plus_gets_a_hint(written: str) -> None:
    with pytest.raises(ValueError, match="%2B"):
        parameter("timestamptz").parse([written])


def test_a_scalar_takes_one_value_and_an_array_takes_many() -> None:
    assert parameter("integer[]").parse(["3", " 1"]) == ["3", "1"]
    with pytest.raises(ValueError, match="expected one value, got 2"):
        parameter("integer").parse(["3", "1"])
    with pytest.raises(ValueError, match="got 'x'"):
        parameter("integer[]").parse(["3", "x"])


def test_a_blank_value_is_null_where_null_is_allowed_and_text_means_something_else() -> None:
    assert parameter("date", nullable=True).parse([" "]) is None
    assert parameter("date[]", nullable=True).parse([""]) is None
    assert parameter("text", nullable=True).parse([""]) == ""
    assert parameter("text[]", nullable=True).parse([""]) == [""]
    with pytest.raises(ValueError):
        parameter("date[]", nullable=True).parse(["2024-01-01", ""])


@pytest.mark.parametrize(
    ("declared", "good", "bad"),
    [
        ({"type": "text", "choices": ["a", "b"]}, "b", "c"),
        ({"type": "text", "pattern": "[a-z]+"}, "abc", "abc\n"),
        ({"type": "integer", "min": 1, "max": 9}, "9", "10"),
        ({"type": "numeric", "min": "0.1"}, "0.10", "0.09"),
        ({"type": "date", "min": "2024-01-01"}, "2024-01-01", "2023-12-31"),
        ({"type": "timestamptz", "max": "2024-01-01T00:00Z"}, "2024-01-01T02:00+02:00", "2024-01-01T00:00-00:01"),
        ({"type": "smallint[]", "max": 9}, "9", "10"),
    ],
)
def test_declared_limits_hold(declared: dict[str, Any], good: str, bad: str) -> None:
    declared_parameter = Parameter.model_validate({"name": "p", **declared})
    assert declared_parameter.parse([good])
    with pytest.raises(ValueError, match="expected"):
        declared_parameter.parse([bad])


@pytest.mark.parametrize(
    ("declared", "key"),
    [
        ({"type": "int"}, "type"),
        ({"type": "date", "choices": ["a"]}, "choices"),
        ({"type": "date", "pattern": "a"}, "pattern"),
        ({"type": "text", "pattern": "("}, "pattern"),
        ({"type": "text", "choices": []}, "choices"),
        ({"type": "text", "min": "a"}, "min"),
        ({"type": "uuid", "max": "x"}, "max"),
        ({"type": "date", "min": "x"}, "min"),
        ({"type": "integer", "min": 5, "max": 4}, "max"),
        ({"type": "integer", "default": 1, "min": 2}, "default"),
        ({"type": "text", "default": "c", "choices": ["a"]}, "default"),
        ({"type": "integer", "default": [1]}, "default"),
        ({"type": "integer[]", "default": 1}, "default"),
        ({"type": "integer", "default": {"a": 1}}, "default"),
        ({"type": "integer", "nullable": "no"}, "nullable"),
        ({"type": "integer", "minimum": 1}, "minimum"),
    ],
)
def test_a_declaration_that_contradicts_itself_is_refused_at_its_key(declared: dict[str, Any], key: str) -> None:
    with pytest.raises(ValidationError) as caught:
        Parameter.model_validate({"name": "p", **declared})
    assert [error["loc"][0] for error in caught.value.errors()] == [key]


def test_defaults_are_canonical_and_may_be_values_of_toml() -> None:
    assert parameter("integer[]", default=[1, "02"]).default == ["1", "2"]
    assert parameter("boolean", default=False).default == "false"
    assert parameter("date", min="2024-01-01", default="2024-01-02").default == "2024-01-02"


def test_all_faults_are_found_at_once() -> None:
    declared = [parameter("date", "since"), parameter("integer", "n"), parameter("text", "note", default="x")]
    values, faults = validate(declared, {"sinec": ["2024-01-01"], "n": ["a"], "zzz": ["1"]})
    assert values == {"note": "x"}
    assert faults == [
        ArgumentFault("sinec", "no such parameter; did you mean since?"),
        ArgumentFault("zzz", "no such parameter"),
        ArgumentFault("since", "required, of type date"),
        ArgumentFault("n", "expected an integer, got 'a'"),
    ]


def test_values_come_in_the_order_of_declaration_with_defaults_and_nulls() -> None:
    declared = [
        parameter("text[]", "tags", default=["a"]),
        parameter("date", "until", nullable=True),
        parameter("integer", "n"),
    ]
    values, faults = validate(declared, {"n": ["1"], "until": []})
    assert not faults
    assert list(values.items()) == [("tags", ["a"]), ("until", None), ("n", "1")]
    tags = values["tags"]
    assert isinstance(tags, list)
    tags.append("b")
    assert declared[0].default == ["a"], "a caller's list is a copy"


def test_schemas_describe_what_is_accepted() -> None:
    assert json_schema(parameter("smallint", max=9, default=3, description="d")) == {
        "type": "integer", "minimum": -32768, "maximum": 9, "default": 3, "description": "d",
    }  # fmt: skip
    assert json_schema(parameter("text[]", choices=["a", "b"], default=["a"])) == {
        "type": "array", "items": {"type": "string", "enum": ["a", "b"]}, "default": ["a"],
    }  # fmt: skip
    assert json_schema(parameter("timestamptz")) == {"type": "string", "format": "date-time"}
    assert json_schema(parameter("numeric", min="0.5", default="1.5")) == {
        "type": "number", "minimum": 0.5, "default": 1.5,
    }  # fmt: skip
    assert json_schema(parameter("boolean", default=True))["default"] is True
    assert re.search(json_schema(parameter("text", pattern="a|b"))["pattern"], "ab") is None


def test_an_integer_longer_than_pythons_own_limit_is_no_crash() -> None:
    assert len("9" * 5000) > sys.get_int_max_str_digits()
    with pytest.raises(ValueError, match="expected an integer from"):
        parameter("integer").parse(["9" * 5000])
