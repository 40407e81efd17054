"""Masks what must not be logged of a request."""

from collections.abc import Iterable
from typing import Any
from urllib.parse import parse_qsl, quote

from exporter.exports.options import ExportOptions, option_models
from exporter.exports.order import Order
from exporter.http.query_string import SIGNATURE
from exporter.http.visit import Visit
from formats.encoder import Format
from queries.dataset import Dataset
from queries.declaration import Value

MASK = "***"
_LONGEST = 500
"""Characters of a value; a query string may have four times as many. Log collectors truncate long lines."""
_MOST_ITEMS = 20


def arguments(order: Order) -> dict[str, Any]:
    """Return the arguments, with sensitive ones masked and long ones shortened."""
    sensitive = _sensitive(order.dataset)
    return {name: MASK if name in sensitive else _short(value) for name, value in order.arguments.items()}


def options(order: Order) -> dict[str, Any]:
    """Return the options that the caller has set, by name."""
    chosen: dict[str, Any] = order.options.model_dump(mode="json", exclude_unset=True)
    if order.columns is not None:
        chosen["columns"] = _short(",".join(order.columns))
    if order.limit is not None:
        chosen["limit"] = order.limit
    if not order.ordered:
        chosen["ordered"] = False
    return chosen


def option_names(formats: Iterable[Format], common: type[ExportOptions]) -> frozenset[str]:
    """Return the names of all options, as in a query string; none of them is secret."""
    return frozenset(
        f"_{name}" for format_ in formats for model in option_models(format_, common) for name in model.model_fields
    )


def target(visit: Visit, options: frozenset[str]) -> str:
    """Return the path and query of a request, with all values masked that may be secret."""
    shown = options | _harmless(visit.dataset) if visit.dataset else frozenset[str]()
    pairs = parse_qsl(visit.query_string[: 4 * _LONGEST], keep_blank_values=True)
    query = "&".join(
        f"{quote(name)}={quote(value, safe='')}" if name in shown else f"{_named(name, visit)}={MASK}"
        for name, value in pairs
    )
    path = quote(visit.path[:_LONGEST])
    return f"{path}?{query}" if query else path


def _named(name: str, visit: Visit) -> str:
    """Return the name of a masked value; an undeclared name is masked too, because it may be a misplaced token."""
    declared = visit.dataset and any(parameter.name == name for parameter in visit.dataset.settable)
    return name if declared or name in SIGNATURE else MASK


def _harmless(dataset: Dataset) -> set[str]:
    return {parameter.name for parameter in dataset.parameters if not parameter.sensitive}


def _sensitive(dataset: Dataset) -> set[str]:
    return {parameter.name for parameter in dataset.parameters if parameter.sensitive}


def _short(value: Value) -> Value:
    if isinstance(value, list):
        more = [f"… {len(value)} in all"] if len(value) > _MOST_ITEMS else []
        return [*(item and item[:_LONGEST] for item in value[:_MOST_ITEMS]), *more]
    return value if value is None or len(value) <= _LONGEST else value[:_LONGEST] + "…"
