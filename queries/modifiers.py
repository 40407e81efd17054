"""Type modifiers: the `(10,2)` of `numeric(10,2)`, as PostgreSQL packs it into one integer."""

import re

import pyarrow as pa

from queries.builtin import BUILTIN
from queries.decimals import decimal_type
from queries.types import PgType

_HEADER = 4
"""What PostgreSQL adds to the modifiers of numeric, varchar and char: VARHDRSZ."""


def numeric_type(modifier: int) -> pa.DataType:
    """Return the decimal that holds every finite value of `numeric` with this modifier, or string if there is none.

    The modifier packs precision and a signed 11-bit scale (make_numeric_typmod in PostgreSQL's numeric.c). A negative
    scale rounds to the left of the point, and a scale above the precision means leading zeros: Parquet wants
    0 <= scale <= precision, so the precision grows instead.
    """
    if modifier < _HEADER:
        return pa.string()
    precision, scale = _precision_and_scale(modifier)
    return decimal_type(max(precision, scale, precision - scale), max(scale, 0)) or pa.string()


def _precision_and_scale(modifier: int) -> tuple[int, int]:
    packed = modifier - _HEADER
    return (packed >> 16) & 0xFFFF, ((packed & 0x7FF) ^ 1024) - 1024


def display(type_: PgType, modifier: int) -> str:
    """Return the type's name with its modifier where it goes, as format_type prints it."""
    suffix = _modifier_text(type_.name.removeprefix("_"), modifier) if modifier >= 0 else ""
    match = re.match(r"time(stamp)?(?= with)|[^\[]+", type_.display)
    if not suffix or match is None or type_.oid not in BUILTIN:
        return type_.display
    return f"{match[0]}{suffix}{type_.display[match.end() :]}"


def _modifier_text(name: str, modifier: int) -> str:
    if name == "numeric" and modifier >= _HEADER:
        return "({},{})".format(*_precision_and_scale(modifier))
    if name in ("bpchar", "varchar") and modifier >= _HEADER:
        return f"({modifier - _HEADER})"
    if name in ("bit", "varbit", "time", "timetz", "timestamp", "timestamptz"):
        return f"({modifier})"
    return ""
