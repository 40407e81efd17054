"""The types of parameters: how arguments are read, and the canonical text that the server gets."""

import datetime as dt
import re
from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal
from typing import Any
from uuid import UUID

_DATE = r"(\d{4})-(\d\d)-(\d\d)"
_TIME = r"(\d\d):(\d\d)(?::(\d\d)(?:[.,](\d{1,6}))?)?"
_TIMESTAMP = re.compile(rf"{_DATE}(?:[T ]{_TIME}(Z|[+-]\d\d(?::?\d\d)?)?)?", re.ASCII | re.IGNORECASE)
_LOST_PLUS = re.compile(rf"{_DATE}[T ]{_TIME} \d\d(?::?\d\d)?", re.ASCII | re.IGNORECASE)
_INTEGER = re.compile(r"([+-]?)(?=\d)0*+(\d*+)", re.ASCII)
_NUMERIC = re.compile(r"[+-]?(?=\.?\d)0*+(\d*+)(?:\.(\d*+))?(?:E([+-]?)(?=\d)0*+(\d*+))?", re.ASCII | re.IGNORECASE)
_UUID = re.compile(r"[0-9a-f]{8}(-?)[0-9a-f]{4}\1[0-9a-f]{4}\1[0-9a-f]{4}\1[0-9a-f]{12}", re.IGNORECASE)
_BOOLEANS = dict.fromkeys(("true", "t", "yes", "on", "1"), True) | dict.fromkeys(
    ("false", "f", "no", "off", "0"), False
)
_DIGITS_BEFORE_POINT, _DIGITS_AFTER_POINT = 131072, 16383
"""The limits of numeric (PostgreSQL, "Numeric Types")."""
_OFFSET_HOURS = 15
"""The widest offset from UTC that PostgreSQL reads."""


@dataclass(frozen=True, slots=True)
class Scalar:
    """A type of parameter.

    `read` returns a value that compares as in the server, or raises a ValueError that says what is expected;
    `write` returns the canonical text of such a value.
    """

    postgres: str
    """Its `typname`, in the schema `pg_catalog`."""
    read: Callable[[str], Any]
    write: Callable[[Any], str]
    ordered: bool = True
    """Whether `min` and `max` make sense."""


def _text(text: str) -> str:
    try:
        text.encode()
    except UnicodeEncodeError:
        raise ValueError("expected valid Unicode text") from None
    if "\0" in text:
        raise ValueError("expected text without NUL characters")
    return text


def _integer(bits: int) -> Callable[[str], int]:
    low, high = -(2 ** (bits - 1)), 2 ** (bits - 1) - 1

    def read(text: str) -> int:
        match = _INTEGER.fullmatch(text.strip())
        if not match:
            raise ValueError("expected an integer")
        sign, digits = match.groups()
        # The length is checked first: int() of many digits is slow, or fails.
        if len(digits) > len(str(high)) or not low <= (value := int(f"{sign}0{digits}")) <= high:
            raise ValueError(f"expected an integer from {low} to {high}")
        return value

    return read


def _numeric(text: str) -> Decimal:
    match = _NUMERIC.fullmatch(text.strip())
    if not match:
        raise ValueError("expected a finite decimal number such as 12.50")
    whole, fraction, sign, exponent = (group or "" for group in match.groups())
    # Nine digits are beyond every limit; an exponent is never expanded.
    shift = int(f"{sign}0{exponent[:9]}")
    before = len(whole) if whole else len(fraction.lstrip("0")) - len(fraction)
    is_zero = not (whole + fraction).strip("0")
    if (not is_zero and before + shift > _DIGITS_BEFORE_POINT) or len(fraction) - shift > _DIGITS_AFTER_POINT:
        limits = f"{_DIGITS_BEFORE_POINT} digits before the decimal point and {_DIGITS_AFTER_POINT} after it"
        raise ValueError(f"expected a number of at most {limits}")
    return Decimal(0) if is_zero and shift > 0 else Decimal(text.strip())


def _boolean(text: str) -> bool:
    try:
        return _BOOLEANS[text.strip().lower()]
    except KeyError:
        raise ValueError("expected true or false") from None


def _date(text: str) -> dt.date:
    match = re.fullmatch(_DATE, text.strip(), re.ASCII)
    try:
        year, month, day = match.groups() if match else ()
        return dt.date(int(year), int(month), int(day))
    except ValueError:
        raise ValueError("expected a date such as 2024-01-31") from None


def _moment(text: str) -> dt.datetime:
    match = _TIMESTAMP.fullmatch(text.strip())
    if not match:
        raise ValueError("not an ISO 8601 timestamp")
    *numbers, fraction, offset = match.groups()
    year, month, day, hour, minute, second = (int(number or 0) for number in numbers)
    microsecond = int((fraction or "0").ljust(6, "0"))
    return dt.datetime(year, month, day, hour, minute, second, microsecond, tzinfo=_zone(offset) if offset else None)


def _zone(offset: str) -> dt.timezone:
    if offset in ("Z", "z"):
        return dt.UTC
    digits = offset[1:].replace(":", "").ljust(4, "0")
    hours, minutes = int(digits[:2]), int(digits[2:])
    if hours > _OFFSET_HOURS or minutes >= 60:  # noqa: PLR2004 - an hour's minutes
        raise ValueError("no such offset")
    return dt.timezone(dt.timedelta(hours=hours, minutes=minutes) * (-1 if offset[0] == "-" else 1))


def _timestamp(text: str) -> dt.datetime:
    expected = "expected a timestamp without an offset, such as 2024-01-31T13:30:00"
    try:
        moment = _moment(text)
    except ValueError:
        raise ValueError(expected) from None
    # PostgreSQL would drop an offset without a word.
    if moment.tzinfo:
        raise ValueError(expected)
    return moment


def _timestamptz(text: str) -> dt.datetime:
    expected = "expected a timestamp such as 2024-01-31T13:30:00Z or 2024-01-31T13:30:00+02:00"
    if _LOST_PLUS.fullmatch(text.strip()):
        raise ValueError(f"{expected}; in a URL the + of an offset is written %2B")
    try:
        moment = _moment(text)
    except ValueError:
        raise ValueError(expected) from None
    return moment if moment.tzinfo else moment.replace(tzinfo=dt.UTC)


def _uuid(text: str) -> UUID:
    if not _UUID.fullmatch(text.strip()):
        raise ValueError("expected a UUID such as 123e4567-e89b-12d3-a456-426614174000")
    return UUID(text.strip())


def _iso(moment: dt.datetime) -> str:
    return moment.isoformat(" ")


SCALARS = {
    "text": Scalar("text", _text, str, ordered=False),
    "smallint": Scalar("int2", _integer(16), str),
    "integer": Scalar("int4", _integer(32), str),
    "bigint": Scalar("int8", _integer(64), str),
    "numeric": Scalar("numeric", _numeric, str),
    "boolean": Scalar("bool", _boolean, lambda value: str(value).lower(), ordered=False),
    "date": Scalar("date", _date, dt.date.isoformat),
    "timestamp": Scalar("timestamp", _timestamp, _iso),
    "timestamptz": Scalar("timestamptz", _timestamptz, _iso),
    "uuid": Scalar("uuid", _uuid, str, ordered=False),
}
