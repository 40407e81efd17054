"""Reads dates and times in the text that PostgreSQL prints under DateStyle ISO."""

import re

import pyarrow as pa
import pyarrow.compute as pc

from queries.types import Column, Kind
from queries.unrepresentable import refuse, replaced, unlike, without

_DAY = 86_400_000_000
_DATE = r"[0-9]{4}-[0-9]{2}-[0-9]{2}"
_CLOCK = r"[0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]{1,6})?"
_ZONE = r"\+00(:00)?"

# The years that Arrow's parser reads; the space becomes T in to_json.
_REGULAR = {
    Kind.DATE: _DATE,
    Kind.TIMESTAMP: f"{_DATE}[ T]{_CLOCK}",
    Kind.TIMESTAMPTZ: f"{_DATE}[ T]{_CLOCK}{_ZONE}",
    Kind.TIME: r"([01][0-9]|2[0-3])(:[0-5][0-9]){2}(\.[0-9]{1,6})?",
}

_ODD = re.compile(
    r"(\d{4,})-(\d\d)-(\d\d)(?:[ T](\d\d):(\d\d):(\d\d)(?:\.(\d{1,6}))?)?(?:\+00(?::00)?)?( BC)?", re.ASCII
)

_MARCH = 3


def moments(text: pa.Array, column: Column) -> pa.Array:
    """Return dates, or timestamps with or without a zone, whose session time zone was UTC."""
    try:
        return text.cast(column.arrow_type)
    except pa.ArrowInvalid:
        odd = unlike(text, _REGULAR[column.kind])
    integer, read = (pa.int32(), _days) if column.kind is Kind.DATE else (pa.int64(), _microseconds)
    regular = without(text, odd).cast(column.arrow_type)
    return replaced(text, odd, regular.view(integer), column, read).view(column.arrow_type)


def times(text: pa.Array, column: Column) -> pa.Array:
    """Return times of day; 24:00:00, which Arrow does not have, is unrepresentable."""
    try:
        return _clock(text)
    except pa.ArrowInvalid:
        odd = unlike(text, _REGULAR[Kind.TIME])
    refuse(text, odd, column)
    return _clock(without(text, odd))


def _clock(text: pa.Array) -> pa.Array:
    # Arrow cannot cast text to a time, but to a timestamp, of which this is day 0.
    first_day = pc.binary_join_element_wise("1970-01-01 ", text, "")
    return first_day.cast(pa.timestamp("us")).view(pa.int64()).view(pa.time64("us"))


def _parts(text: str) -> tuple[int, int] | None:
    """Return days since 1970-01-01 and microseconds since midnight, or None for an infinity."""
    match = _ODD.fullmatch(text)
    if match is None:
        return None
    year, month, day, hour, minute, second = (int(part or 0) for part in match.groups()[:6])
    microsecond = int((match[7] or "").ljust(6, "0"))
    days = _days_from_civil(1 - year if match[8] else year, month, day)
    return days, ((hour * 60 + minute) * 60 + second) * 1_000_000 + microsecond


def _days_from_civil(year: int, month: int, day: int) -> int:
    """Return days since 1970-01-01 in the proleptic Gregorian calendar; year 0 is 1 BC.

    Years are counted from March, so that a leap day is the last of its year.
    """
    year -= month < _MARCH
    era, year_of_era = divmod(year, 400)
    day_of_year = (153 * ((month + 9) % 12) + 2) // 5 + day - 1
    return era * 146_097 + year_of_era * 365 + year_of_era // 4 - year_of_era // 100 + day_of_year - 719_468


def _days(text: str) -> int | None:
    parts = _parts(text)
    return parts[0] if parts and -(2**31) <= parts[0] < 2**31 else None


def _microseconds(text: str) -> int | None:
    parts = _parts(text)
    total = parts[0] * _DAY + parts[1] if parts else None
    return total if total is not None and -(2**63) <= total < 2**63 else None


def validity(array: pa.Array) -> pa.Buffer | None:
    """Return a validity bitmap that starts at the array's first value, or None if nothing is NULL."""
    if array.null_count == 0:
        return None
    return pa.concat_arrays([pc.is_valid(array)]).buffers()[1]
