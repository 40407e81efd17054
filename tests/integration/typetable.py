"""Every type's hazards, and for each an oracle in SQL that does not go through COPY, CSV or this package.

The oracle of most types is the binary form that the type's own send function gives, so that nothing here depends on
how a value is written as text.
"""

import struct
from collections.abc import Callable
from dataclasses import dataclass, field
from decimal import Decimal
from itertools import pairwise
from typing import Any

import pyarrow as pa

_EPOCH_DAYS = 10_957
"""From 1970-01-01 to 2000-01-01, PostgreSQL's epoch."""
_EPOCH_MICROSECONDS = _EPOCH_DAYS * 86_400_000_000


@dataclass(frozen=True)
class Case:
    """A type, values that its Arrow type holds, values that it does not, and how to compare."""

    type: str
    arrow: pa.DataType
    values: list[str]
    oracle: str = "format('%s', v)"
    """SQL over `v` that gives bytea or text."""
    expected: Callable[[Any], Any] = lambda answer: answer
    """The oracle's answer as the plain value that the Arrow array holds."""
    unfit: list[str] = field(default_factory=list)
    element: pa.DataType | None = None
    """The type within lists, where it is another, which then holds the text."""


def plain(array: pa.Array) -> list[Any]:
    """Return an array's values as Python's, without the limits of Python's date and time types."""
    if isinstance(array.type, pa.BaseExtensionType):
        return plain(array.storage)
    if pa.types.is_list(array.type):
        return _lists(array)
    if pa.types.is_temporal(array.type):
        array = array.view(pa.int32() if pa.types.is_date32(array.type) else pa.int64())
    return [None if value is None else _plain(value, array.type) for value in array.to_pylist()]


def _lists(array: pa.ListArray) -> list[list[Any] | None]:
    flat, offsets = plain(array.values), array.offsets.to_pylist()
    valid = array.is_valid().to_pylist()
    return [flat[start:end] if valid[row] else None for row, (start, end) in enumerate(pairwise(offsets))]


def _plain(value: Any, type_: pa.DataType) -> Any:
    if pa.types.is_floating(type_):
        return struct.pack("<d" if type_ == pa.float64() else "<f", value)
    return value


def _unsigned(size: int) -> Callable[[bytes], int]:
    return lambda sent: int.from_bytes(sent[-size:], "big")


def _signed(sent: bytes) -> int:
    return int.from_bytes(sent, "big", signed=True)


def _text(type_: str, *values: str) -> Case:
    return Case(type_, pa.string(), list(values))


_MOMENTS = [
    "1970-01-01",
    "1969-12-31 23:59:59.999999",
    "2000-02-29 12:00:00.5",
    "2024-06-15 13:14:15.123456",
    "9999-12-31 23:59:59.999999",
    "10000-01-01",
    "0001-01-01",
    "0001-12-31 23:59:59.999999 BC",
    "0001-02-29 BC",
    "0044-03-15 07:08:09.01 BC",
    "0005-02-29 BC",
    "0101-03-01 BC",
    "4713-01-01 BC",
    "1900-02-28",
    "2100-03-01",
    "294247-01-10 04:00:54.775807",
]
_BEYOND = ["infinity", "-infinity", "294247-01-10 04:00:54.775808", "294276-12-31 23:59:59.999999"]
_STRINGS = [
    "",
    " ",
    "a",
    "NULL",
    "null",
    '"',
    "'",
    "\\",
    "\\.",
    ",",
    "a,b",
    "\r\n",
    "\n",
    "\r",
    "\t",
    "[",
    "]",
    "[]",
    "{}",
]
_STRINGS += [
    "[[",
    '["a"]',
    "\ufeff",
    "\ufeffa",
    "é",
    "日本",
    "😀",
    "\x01\x1f\x7f",
    "\u2028",
    "a\\nb",
    "\\x41",
    "N",
    "  x  ",
]

CASES = [
    Case("boolean", pa.bool_(), ["t", "f"], "format('%s', v)", lambda text: text == "t"),
    Case("smallint", pa.int16(), ["0", "-1", "32767", "-32768"], "int2send(v)", _signed),
    Case("integer", pa.int32(), ["0", "-1", "2147483647", "-2147483648"], "int4send(v)", _signed),
    Case("bigint", pa.int64(), ["0", "-1", "9223372036854775807", "-9223372036854775808"], "int8send(v)", _signed),
    Case("oid", pa.uint32(), ["0", "1", "2147483648", "4294967295"], "oidsend(v)", _unsigned(4)),
    Case("xid8", pa.uint64(), ["0", "9223372036854775808", "18446744073709551615"], "xid8send(v)", _unsigned(8)),
    Case(
        "real",
        pa.float32(),
        ["0", "-0", "1", "0.1", "1e-45", "-1.1754942e-38", "3.4028235e38", "16777217", "Infinity", "-Infinity", "NaN"],
        "float4send(v)",
        lambda sent: sent[::-1],
    ),
    Case(
        "double precision",
        pa.float64(),
        [
            "0",
            "-0",
            "0.1",
            "5e-324",
            "-2.2250738585072014e-308",
            "2.2250738585072011e-308",
            "1.7976931348623157e308",
            "1e22",
            "1e23",
            "9007199254740993",
            "123456789012345680",
            "Infinity",
            "-Infinity",
            "NaN",
            "1e-5",
            "1e15",
        ],
        "float8send(v)",
        lambda sent: sent[::-1],
    ),
    Case("numeric", pa.string(), ["0", "-0.00", "1.50", "NaN", "Infinity", "-Infinity", "1e50", "1e-50", "9" * 1000]),
    *(
        Case(type_, arrow, values, expected=Decimal, unfit=["NaN"])
        for type_, arrow, values in [
            ("numeric(10,2)", pa.decimal128(10, 2), ["0", "-0.01", "99999999.99", "-99999999.99", "1.5"]),
            ("numeric(38,0)", pa.decimal128(38, 0), ["9" * 38, "-" + "9" * 38]),
            ("numeric(38,38)", pa.decimal128(38, 38), ["0." + "9" * 38, "-0." + "0" * 37 + "1"]),
            ("numeric(39,1)", pa.decimal256(39, 1), ["9" * 38 + ".9"]),
            ("numeric(40,20)", pa.decimal256(40, 20), ["1234567890123456789.01234567890123456789"]),
            ("numeric(76,3)", pa.decimal256(76, 3), ["9" * 73 + ".999", "-" + "9" * 73 + ".999"]),
            ("numeric(5,-2)", pa.decimal128(7, 0), ["1234567", "-9999900", "49", "50"]),
            ("numeric(3,5)", pa.decimal128(5, 5), ["0.00999", "-0.00001", "0"]),
        ]
    ),
    _text("numeric(77,0)", "9" * 77, "NaN"),
    _text("numeric(1000,1000)", "0." + "9" * 1000),
    _text("text", *_STRINGS),
    _text("varchar(20)", *_STRINGS),
    _text("name", *_STRINGS),
    _text("char(8)", "", "a", " a", "é"),
    _text('"char"', "", "a", '"', "\\"),
    _text("mood", "sad", "so,so", 'quo"te', "with space", "[x]"),
    _text("xml", "<a/>", '<a b="1">\n,</a>', "a"),
    _text("money", "0", "-1.5", "1234567.89", "-92233720368547758.08"),
    _text("time with time zone", "10:11:12.5+02", "24:00:00-15:59", "00:00:00+00"),
    _text("inet", "192.168.0.1", "10.0.0.0/8", "::1", "2001:db8::/32"),
    _text("cidr", "10.0.0.0/8", "192.168.0.1/32", "::/0"),
    _text("macaddr", "08:00:2b:01:02:03"),
    _text("macaddr8", "08:00:2b:01:02:03:04:05"),
    _text("bit(5)", "10101"),
    _text("bit varying", "", "1", "0101"),
    _text("point", "(1.5,-2)", "(NaN,Infinity)"),
    _text("lseg", "[(1,2),(3,4)]"),
    _text("path", "[(1,2),(3,4)]", "((1,2),(3,4))"),
    _text("box", "(3,4),(1,2)"),
    _text("polygon", "((1,2),(3,4),(5,6))"),
    _text("line", "{1,2,3}"),
    _text("circle", "<(1,2),3>"),
    _text("int4range", "empty", "[1,5)", "(,)"),
    _text("numrange", "[1.50,Infinity)", "[,2]"),
    _text("daterange", "[2024-01-01,2024-02-01)", "[,infinity]", '["0044-03-15 BC",2024-01-01)'),
    _text("tsrange", '["2024-01-01 00:00:00",)'),
    _text("tstzrange", '["2024-01-01 00:00:00+02","2024-02-01 00:00:00+00")'),
    _text("textrange", "[a,b)", '["a,b","c\\"d"]'),
    _text("int4multirange", "{}", "{[1,3),[5,8)}"),
    _text("tsvector", "", "'a':1 'b''c':2", "'q\"':3"),
    _text("tsquery", "'a' & 'b'"),
    _text("jsonpath", '$."a"[*] ? (@ > 1)'),
    _text("pg_lsn", "0/0", "16/B374D848"),
    _text("pg_snapshot", "10:20:10,14,15"),
    _text("xid", "0", "4294967295"),
    _text("cid", "5"),
    _text("tid", "(0,1)"),
    _text("regclass", "pg_class"),
    _text("regtype", "integer", "character varying"),
    _text("refcursor", "c"),
    _text("aclitem", "postgres=r/postgres"),
    Case(
        "bytea",
        pa.binary(),
        ["\\x", "\\x00", "\\x0d0a", "\\x" + bytes(range(256)).hex(), "\\x5c78"],
        "v",
    ),
    Case(
        "uuid",
        pa.uuid(),
        [
            "00000000-0000-0000-0000-000000000000",
            "ffffffff-ffff-ffff-ffff-ffffffffffff",
            "01234567-89ab-cdef-0123-456789abcdef",
        ],
        "uuid_send(v)",
        element=pa.string(),
    ),
    Case(
        "json",
        pa.json_(),
        ["null", '""', '"null"', "[]", "[1, 2]", '{"a":1,  "a":2}', "1.00", '"a\\u00e9,\\"[["', "[[1],[2]]", "\r\n1\n"],
    ),
    Case("jsonb", pa.json_(), ["null", '""', '"null"', "[]", "[1,2]", '{"b":1,"a":{"x":[]}}', "1.00", '"a\\nb"']),
    Case(
        "date",
        pa.date32(),
        [moment.replace(" BC", "").split(" ")[0] + (" BC" if "BC" in moment else "") for moment in _MOMENTS]
        + ["5874897-12-31", "4714-11-24 BC", "294276-12-31"],
        "date_send(v)",
        lambda sent: _signed(sent) + _EPOCH_DAYS,
        unfit=["infinity", "-infinity"],
    ),
    *(
        Case(
            type_,
            arrow,
            [*_MOMENTS, "4714-11-24 00:00:00 BC"],
            f"{send}(v)",
            lambda sent: _signed(sent) + _EPOCH_MICROSECONDS,
            unfit=_BEYOND,
        )
        for type_, arrow, send in [
            ("timestamp", pa.timestamp("us"), "timestamp_send"),
            ("timestamp with time zone", pa.timestamp("us", "UTC"), "timestamptz_send"),
        ]
    ),
    Case(
        "timestamp(3) with time zone",
        pa.timestamp("us", "UTC"),
        ["2024-03-31 02:30:00.1234+05:45"],
        "timestamptz_send(v)",
        lambda sent: _signed(sent) + _EPOCH_MICROSECONDS,
    ),
    Case(
        "time",
        pa.time64("us"),
        ["00:00:00", "23:59:59.999999", "00:00:00.000001", "12:34:56.5", "09:08:07"],
        "time_send(v)",
        _signed,
        unfit=["24:00:00"],
    ),
    Case(
        "interval",
        pa.string(),
        [
            "0",
            "1 year 2 months 3 days 4:05:06.789",
            "-1 year -2 months -3 days -4:05:06.789",
            "1 month -1 day",
            "-0.5 seconds",
            "-00:00:00.000001",
            "0.1 seconds",
            "-1:00",
            "1 day -00:00:01.5",
            "178956970 years 7 months",
            "-178956970 years -8 months",
            "2147483647 days",
            "-2147483648 days",
            "2562047:47:16.854775",
            "59.999999 sec",
            "-2562047:47:16.854775",
            "100:00:00",
            "13 months",
            "-13 months 40 days",
            "2562047788:00:54.775807",
            "-2562047788:00:54.775807",
        ],
    ),
    Case("price", pa.decimal128(12, 4), ["0", "1.5", "-99999999.9999"], expected=Decimal, unfit=["NaN"]),
    Case("label", pa.string(), ["", "a,b", '"']),
    Case("tagged", pa.string(), ["[1,5)", "empty"]),
    Case("nested_price", pa.decimal128(12, 4), ["2.5"], expected=Decimal),
    *(
        Case(type_, pa.json_(), values, "to_json(v)::text")
        for type_, values in [
            ("pair", ["(1,a)", "(,)", '(2,"x,""y")']),
        ]
    ),
]

SCHEMA = """
CREATE TYPE mood AS ENUM ('sad', 'so,so', 'quo"te', 'with space', '[x]');
CREATE TYPE pair AS (n integer, t text);
CREATE TYPE textrange AS RANGE (subtype = text);
CREATE DOMAIN price AS numeric(12,4);
CREATE DOMAIN nested_price AS price CHECK (VALUE > 0);
CREATE DOMAIN label AS text;
CREATE DOMAIN numbers AS integer[];
CREATE TYPE tagged AS RANGE (subtype = integer);
CREATE FUNCTION tagged_json(tagged) RETURNS json IMMUTABLE STRICT LANGUAGE sql
    AS 'SELECT json_build_object(''lower'', lower($1), ''upper'', upper($1))';
CREATE CAST (tagged AS json) WITH FUNCTION tagged_json(tagged);
"""
