"""Decimals: how many digits Arrow's types hold, and the `decimal(p,s)` that a dataset may declare."""

import re

import pyarrow as pa

DECIMAL128, MAX_DIGITS = 38, 76
"""The most digits of Arrow's decimal128 and of its widest type, decimal256."""

DECIMAL_PATTERN = r"^decimal\( *(0?[1-9]|[1-6][0-9]|7[0-6]) *, *(0?[0-9]|[1-6][0-9]|7[0-6]) *\)$"
"""For schemas: what `declared_decimal` takes, but that a scale larger than the precision matches too."""

_DECIMAL = re.compile(r"decimal\( *(\d{1,2}) *, *(\d{1,2}) *\)", re.ASCII)


def decimal_type(precision: int, scale: int) -> pa.DataType | None:
    """Return Arrow's narrowest decimal of this precision, or None if there is none."""
    if precision > MAX_DIGITS:
        return None
    return pa.decimal128(precision, scale) if precision <= DECIMAL128 else pa.decimal256(precision, scale)


def declared_decimal(text: str) -> pa.DataType | None:
    """Return the type that `decimal(p,s)` names, or None if the text is something else, or out of range."""
    match = _DECIMAL.fullmatch(text)
    if match is None:
        return None
    precision, scale = int(match[1]), int(match[2])
    return decimal_type(precision, scale) if precision > 0 and scale <= precision else None


def most_digits(type_: pa.DataType) -> int:
    """Return how many digits the representation of a decimal type holds, whatever its precision."""
    return DECIMAL128 if pa.types.is_decimal128(type_) else MAX_DIGITS
