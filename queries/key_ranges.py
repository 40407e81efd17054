"""A query divided into ranges of the values of its `split_by` key, each read by a query of its own."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from queries.connection import Connection
from queries.errors import QueryRejected, translated
from queries.types import Attribute
from queries.walk import Span, Walk

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class _KeyType:
    """How the values of a type map to whole numbers."""

    name: str
    number: str = "{}"
    """The SQL expression for a value's number."""
    literal: Callable[[int], str] = str
    """Returns the text of the value that has a number."""
    ends: tuple[int, int] = (-(2**63), 2**63 - 1)
    """The smallest and the largest number that has a literal."""
    endless: bool = False
    """Whether infinity and -infinity are values."""


def _day(number: int) -> str:
    return (_EPOCH + timedelta(days=number)).date().isoformat()


def _moment(number: int) -> str:
    return (_EPOCH + timedelta(microseconds=number)).replace(tzinfo=None).isoformat()


_ENDS = (datetime(1, 1, 1, tzinfo=UTC) - _EPOCH, datetime(9999, 12, 31, tzinfo=UTC) - _EPOCH)
"""The range of Python's dates. Keys outside are in the first and the last part, which are open-ended."""
_DAYS = (_ENDS[0].days, _ENDS[1].days)
_MICROSECONDS = (_ENDS[0] // timedelta(microseconds=1), _ENDS[1] // timedelta(microseconds=1))
_SINCE_EPOCH = "(extract(epoch FROM {}) OPERATOR(pg_catalog.*) 1000000)::pg_catalog.numeric(30, 0)"

_TYPES: Mapping[int, _KeyType] = {
    20: _KeyType("int8"),
    21: _KeyType("int8"),
    23: _KeyType("int8"),
    1082: _KeyType("date", "{} OPERATOR(pg_catalog.-) 'epoch'::pg_catalog.date", _day, _DAYS, endless=True),
    1114: _KeyType("timestamp", _SINCE_EPOCH, _moment, _MICROSECONDS, endless=True),
    1184: _KeyType("timestamptz", _SINCE_EPOCH, _moment, _MICROSECONDS, endless=True),
}

DIVISIBLE = frozenset(_TYPES)
"""The oids of the types that a key can have."""


def position(attributes: Sequence[Attribute], key: str) -> int:
    """Return the position of the key among a query's columns.

    Raises QueryRejected if there is not exactly one such column, or its type cannot be divided.
    """
    found = [number for number, attribute in enumerate(attributes) if attribute.name == key]
    if len(found) != 1:
        raise QueryRejected(f"split_by: there are {len(found)} columns named {key!r}, not one")
    if attributes[found[0]].oid not in _TYPES:
        raise QueryRejected(f"split_by: column {key!r} is not an integer, date, timestamp or timestamptz")
    return found[0]


async def key_ranges(
    connection: Connection, sql: str, attributes: Sequence[Attribute], key: str, size: int
) -> Walk | None:
    """Return a walk over the values of the key, ascending, its NULLs last; None if there are no values.

    Args:
        connection: in the transaction whose snapshot will be read.
        sql: one statement without parameters, which must give the same rows each time it runs in this snapshot.
        attributes: its columns.
        key: the name of one of them.
        size: about how many bytes of rows it gives.

    Raises:
        QueryError: the key is unusable, or the server fails.
    """
    place = position(attributes, key)
    type_, column = _TYPES[attributes[place].oid], f"c{place}"
    aliases = ", ".join(f"c{number}" for number in range(len(attributes)))
    rows = f"SELECT * FROM (\n{sql}\n) k({aliases})"  # noqa: S608 - the dataset's own query
    lowest, highest = (type_.number.format(f"{end}({column})") for end in ("pg_catalog.min", "pg_catalog.max"))
    finite = f" WHERE pg_catalog.isfinite({column})" if type_.endless else ""
    with translated():
        ends = await connection.fetchrow(rows.replace("*", f"{lowest}, {highest}", 1) + finite)
    if ends is None or ends[0] is None:
        return None
    least, most = type_.ends
    first, last = (min(max(int(end), least), most) for end in ends)

    def limit(operator: str, number: int) -> str:
        return f"{column} OPERATOR(pg_catalog.{operator}) '{type_.literal(number)}'::pg_catalog.{type_.name}"

    def part(low: int | None, high: int | None) -> str:
        limits = [limit(">=", low)] if low is not None else []
        limits += [limit("<", high)] if high is not None else []
        return f"{rows} WHERE {' AND '.join(limits) or f'{column} IS NOT NULL'}"

    nulls = Span(0, 1, lambda _low, _high: f"{rows} WHERE {column} IS NULL")
    return Walk([Span(first, last + 1, part), nulls], size)
