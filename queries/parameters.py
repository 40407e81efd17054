"""The arguments that a caller supplies for a dataset's parameters: checked all at once, and described for callers."""

import difflib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from queries import patterns
from queries.declaration import Parameter, Value
from queries.ecma import ecma

__all__ = ["ArgumentFault", "Parameter", "Value", "json_schema", "suggestion", "suggestions", "validate"]

_FEW = 4
"""How many unknown names get a suggestion."""
_MOST_PAIRS = 50
"""Comparing two names takes up to 60 µs, provided that they are no longer than `_LONGEST_NAME`."""
_LONGEST_NAME = 40


class ArgumentFault(NamedTuple):
    """What is wrong with one argument; the message is for the caller."""

    parameter: str
    message: str


def validate(
    parameters: Sequence[Parameter], supplied: Mapping[str, list[str]]
) -> tuple[dict[str, Value], list[ArgumentFault]]:
    """Read all arguments at once.

    Returns:
        The values in the order of declaration, defaults filled in, and everything that is wrong. With faults, the
        values are only those that could be read.
    """
    names = [parameter.name for parameter in parameters]
    values: dict[str, Value] = {}
    unknown = [name for name in supplied if name not in names]
    faults = [ArgumentFault(name, f"no such parameter{hint}") for name, hint in suggestions(unknown, names)]
    for parameter in parameters:
        try:
            values[parameter.name] = _value(parameter, supplied.get(parameter.name))
        except ValueError as error:
            faults.append(ArgumentFault(parameter.name, str(error)))
    return values, faults


def _value(parameter: Parameter, raw: list[str] | None) -> Value:
    if raw:
        return parameter.parse(raw)
    if parameter.required:
        raise ValueError(f"required, of type {parameter.type}")
    return list(parameter.default) if isinstance(parameter.default, list) else parameter.default


def suggestions(unknown: Sequence[str], names: Sequence[str]) -> Iterator[tuple[str, str]]:
    """Yield each unknown name, with `; did you mean …?` if one of the names is close; of many names, without."""
    few = len(unknown) <= _FEW and len(unknown) * len(names) <= _MOST_PAIRS
    for name in unknown:
        yield name, suggestion(name, names) if few else ""


def suggestion(name: str, names: Iterable[str]) -> str:
    """Return `; did you mean …?` when one of the names is close, else nothing."""
    close = difflib.get_close_matches(name, names, n=1) if len(name) <= _LONGEST_NAME else []
    return f"; did you mean {close[0]}?" if close else ""


_JSON: Mapping[str, Mapping[str, Any]] = {
    "text": {"type": "string"},
    "smallint": {"type": "integer", "minimum": -(2**15), "maximum": 2**15 - 1},
    "integer": {"type": "integer", "format": "int32", "minimum": -(2**31), "maximum": 2**31 - 1},
    "bigint": {"type": "integer", "format": "int64", "minimum": -(2**63), "maximum": 2**63 - 1},
    "numeric": {"type": "number"},
    "boolean": {"type": "boolean"},
    "date": {"type": "string", "format": "date"},
    "timestamp": {"type": "string", "format": "date-time-local"},
    "timestamptz": {"type": "string", "format": "date-time"},
    "uuid": {"type": "string", "format": "uuid"},
}


def json_schema(parameter: Parameter) -> dict[str, Any]:
    """Describe the parameter as a JSON Schema of OpenAPI 3.1; an array is given by repeating its name."""
    schema = dict(_JSON[parameter.element]) | _constraints(parameter)
    if parameter.is_array:
        schema = {"type": "array", "items": schema}
    if isinstance(parameter.default, list):
        schema["default"] = [_json_value(parameter, text) for text in parameter.default]
    elif parameter.default is not None:
        schema["default"] = _json_value(parameter, parameter.default)
    if parameter.description:
        schema["description"] = parameter.description
    return schema


def _constraints(parameter: Parameter) -> dict[str, Any]:
    found: dict[str, Any] = {}
    if parameter.choices:
        found["enum"] = list(parameter.choices)
    if parameter.pattern is not None:
        found["maxLength"] = patterns.LONGEST_TEXT
        found |= {"pattern": told} if (told := ecma(parameter.pattern)) else {}
    # JSON Schema has limits for numbers only; those of dates are only in the error message.
    if _JSON[parameter.element]["type"] in ("integer", "number"):
        limits = {"minimum": parameter.min, "maximum": parameter.max}
        found |= {key: _json_value(parameter, text) for key, text in limits.items() if text is not None}
    return found


def _json_value(parameter: Parameter, text: str) -> str | float | bool:
    match _JSON[parameter.element]["type"]:
        case "integer":
            return int(text)
        case "number":
            return float(text)
        case "boolean":
            return text == "true"
        case _:
            return text
