"""Builds an order from a caller's input, as texts or as Python values."""

import datetime as dt
from collections.abc import Mapping, Sequence
from decimal import Decimal
from uuid import UUID

from exporter.exports.bounds import Bounds
from exporter.exports.options import Chosen
from exporter.exports.order import Order
from exporter.problems import Fault, Problem, ProblemType
from formats.encoder import Format
from queries.acting import Acting
from queries.dataset import Dataset
from queries.parameters import Parameter, Value, validate


def order_of(  # noqa: PLR0913 - an order has as many parts
    dataset: Dataset,
    format_: Format | None,
    arguments: Mapping[str, Value],
    chosen: Chosen,
    *,
    bounds: Bounds,
    acting: Acting,
    dated: bool = False,
) -> Order:
    """Return an order for validated input."""
    return Order(
        dataset=dataset,
        arguments=arguments,
        format=format_,
        options=chosen.own,
        columns=chosen.common.columns,
        limit=chosen.common.limit,
        ordered=chosen.common.ordered,
        compression=chosen.compression,
        bounds=bounds,
        acting=acting,
        dated=dated,
    )


def invalid(dataset: Dataset, faults: Sequence[Fault]) -> Problem:
    """Return the problem for an order with faults."""
    detail = f"Correct them. The description of {dataset.name} lists its parameters."
    return Problem(ProblemType.INVALID_PARAMETERS, detail, faults=faults)


def from_texts(
    parameters: Sequence[Parameter], given: Mapping[str, list[str]]
) -> tuple[Mapping[str, Value], list[Fault]]:
    """Read arguments from texts, several for an array; return their values and every fault."""
    values, wrong = validate(parameters, given)
    return values, [Fault(fault.parameter, fault.message) for fault in wrong]


def from_values(
    parameters: Sequence[Parameter], given: Mapping[str, object]
) -> tuple[Mapping[str, Value], list[Fault]]:
    """Read arguments from Python values; return their values and every fault.

    A text is read as over HTTP, a sequence is an array, and None is NULL.
    """
    nullable = {parameter.name for parameter in parameters if parameter.nullable}
    texts: dict[str, list[str]] = {}
    faults = list[Fault]()
    for name, value in given.items():
        try:
            if value is not None:
                texts[name] = [_text(item) for item in value] if isinstance(value, list | tuple) else [_text(value)]
            elif name not in nullable:
                faults.append(Fault(name, "must not be None: the parameter is not nullable"))
        except TypeError as error:
            faults.append(Fault(name, str(error)))
    refused = {fault.parameter for fault in faults}
    values, wrong = from_texts([one for one in parameters if one.name not in refused], texts)
    nulls = {name for name, value in given.items() if value is None}
    # In the order of declaration.
    found = {one.name: None if one.name in nulls else values.get(one.name) for one in parameters}
    return found, faults + wrong


def _text(value: object) -> str:
    match value:
        case str():
            return value
        case bool():
            return str(value).lower()
        case Decimal():
            return format(value, "f")
        case dt.datetime() | dt.date():
            return value.isoformat()
        case int() | float() | UUID():
            return str(value)
        case _:
            kind = type(value).__name__
            raise TypeError(f"expected a text, a number, a boolean, a date, a datetime or a UUID, got {kind}")
