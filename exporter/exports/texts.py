"""Python's own values as the texts that arguments are read from."""

import datetime as dt
from decimal import Decimal
from uuid import UUID


def text_of(value: object) -> str:
    """Return the text that a caller over HTTP would write for a value.

    Raises:
        TypeError: it is of another type.
    """
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
