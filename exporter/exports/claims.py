"""Arguments that come from what is known of the caller, and not from what the caller asks for."""

import logging
from collections.abc import Mapping
from contextlib import suppress
from typing import Any

from exporter.exports.texts import text_of
from exporter.problems import Problem, ProblemType
from queries.dataset import Dataset
from queries.parameters import Parameter, Value

log = logging.getLogger(__name__)


def bound(dataset: Dataset, claims: Mapping[str, Any]) -> dict[str, Value]:
    """Return the values of the dataset's bound parameters, read as any argument is.

    Raises:
        Problem: a claim is missing or does not fit. It does not tell which: whoever asks need not know of them.
    """
    return {one.name: _value(dataset, one, one.claim, claims) for one in dataset.parameters if one.claim is not None}


def _value(dataset: Dataset, parameter: Parameter, claim: str, claims: Mapping[str, Any]) -> Value:
    given = claims.get(claim)
    # An array takes a list, and nothing else does.
    if given is not None and isinstance(given, list | tuple) == parameter.is_array:
        with suppress(TypeError, ValueError):  # whose message quotes the value
            return parameter.parse([text_of(item) for item in given] if parameter.is_array else [text_of(given)])
    reason = "missing" if given is None else f"expected {parameter.type}, as the dataset declares it"
    fields = {"dataset": dataset.name, "parameter": parameter.name, "claim": claim, "reason": reason}
    log.warning("a claim cannot be used", extra={"fields": fields})
    detail = f"Ask whoever issued your credentials for some that give access to rows of {dataset.name}."
    raise Problem(ProblemType.CLAIM_MISSING, detail)
