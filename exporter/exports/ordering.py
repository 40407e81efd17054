"""Builds an order from a caller's input, as texts or as Python values."""

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any

from exporter.exports.bounds import Bounds
from exporter.exports.claims import bound
from exporter.exports.options import Chosen
from exporter.exports.order import Order
from exporter.exports.texts import text_of
from exporter.problems import Fault, Problem, ProblemType
from formats.encoder import Format
from queries.acting import Acting
from queries.dataset import Dataset
from queries.parameters import Parameter, Value, validate

_NOTHING_KNOWN: Mapping[str, Any] = MappingProxyType({})


def order_of(  # noqa: PLR0913 - an order has as many parts
    dataset: Dataset,
    format_: Format | None,
    arguments: Mapping[str, Value],
    chosen: Chosen,
    *,
    bounds: Bounds,
    acting: Acting,
    claims: Mapping[str, Any] = _NOTHING_KNOWN,
    dated: bool = False,
) -> Order:
    """Return an order for validated input.

    `claims` is what is known for certain of the caller; the dataset's bound parameters take their values from it.

    Raises:
        Problem: a claim that the dataset needs is missing, or does not fit.
    """
    values = {**arguments, **bound(dataset, claims)}
    return Order(
        dataset=dataset,
        arguments={parameter.name: values[parameter.name] for parameter in dataset.parameters},
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
    """Read arguments from texts, several for an array; return their values and every fault.

    A bound parameter is not known here: `order_of` gives it its value.
    """
    values, wrong = validate([one for one in parameters if one.claim is None], given)
    return values, [Fault(fault.parameter, fault.message) for fault in wrong]


def from_values(
    parameters: Sequence[Parameter], given: Mapping[str, object]
) -> tuple[Mapping[str, Value], list[Fault]]:
    """Read arguments from Python values; return their values and every fault.

    A text is read as over HTTP, a sequence is an array, and None is NULL. Bound parameters are as in `from_texts`.
    """
    parameters = [one for one in parameters if one.claim is None]
    nullable = {parameter.name for parameter in parameters if parameter.nullable}
    texts: dict[str, list[str]] = {}
    faults = list[Fault]()
    for name, value in given.items():
        try:
            if value is not None:
                texts[name] = [text_of(item) for item in value] if isinstance(value, list | tuple) else [text_of(value)]
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
