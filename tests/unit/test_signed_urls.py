"""Signed URLs: what the signature covers, and the example for other programs in docs/access.md."""

import re
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from exporter.access import signed_urls
from exporter.access.key import Key
from exporter.access.tokens import digest_of
from exporter.http import query_string

SECRET = "0123456789abcdef0123456789abcdef"
KEY = Key(sha256=digest_of("token"), datasets=("*",), created=datetime.now(UTC))
QUERY = "since=2024-01-01&status=a&status=b&_columns=id&_key=k&_expires=4102444800"


def signed(name: str = "orders.csv", query: str = QUERY, key: Key = KEY, secret: str = SECRET) -> str:
    return signed_urls.signature(secret, key, name, query_string.parse(query))


def accepted(given: str, name: str = "orders.csv", query: str = QUERY, key: Key = KEY, secret: str = SECRET) -> bool:
    return signed_urls.matches(secret, key, name, query_string.parse(f"{query}&_signature={given}"))


def test_a_signature_fits_what_was_signed() -> None:
    assert accepted(signed())


@pytest.mark.parametrize(
    "query",
    [
        "_expires=4102444800&_key=k&since=2024-01-01&status=a&status=b&_columns=id",
        "since=2024%2D01-01&status=%61&%73tatus=b&_columns=id&_key=k&_expires=4102444800",
    ],
)
def test_the_same_query_written_otherwise_is_the_same(query: str) -> None:
    assert accepted(signed(), query=query)


def test_spaces_and_other_letters() -> None:
    query = "a=x%20y+%C3%A9%2B&b="
    assert accepted(signed(query=query), query="b=&a=x+y%20%c3%a9%2b")


@pytest.mark.parametrize(
    "change",
    [
        {"name": "orders.parquet"},
        {"name": "salaries.csv"},
        {"query": QUERY.replace("2024", "2023")},
        {"query": QUERY.replace("status=a&status=b", "status=b&status=a")},
        {"query": QUERY.replace("&status=b", "")},
        {"query": QUERY + "&_limit=1"},
        {"query": QUERY + "&status=c"},
        {"query": QUERY.replace("_key=k", "_key=l")},
        {"query": QUERY.replace("_expires=4", "_expires=5")},
        {"query": QUERY.replace("status=a&status=b", "status=a%26status%3Db")},
        {"query": QUERY.replace("_columns=id", "columns=id")},
        {"key": Key(sha256=digest_of("another"), datasets=("*",), created=datetime.now(UTC))},
        {"secret": SECRET[::-1]},
    ],
)
def test_anything_else_is_another_signature(change: dict[str, Any]) -> None:
    assert signed(**change) != signed()
    assert not accepted(signed(), **change)


@pytest.mark.parametrize("given", ["", "0" * 64, "%C3%A9", signed()[:-1], signed() + "0", signed().upper()])
def test_other_signatures(given: str) -> None:
    assert not accepted(given)


@pytest.mark.parametrize(
    "moment", ["", "0", "-1", "1", "x", "1e12", "0x7fffffff", " 4102444800", "4102444800.0", "9" * 13]
)
def test_moments_that_are_over(moment: str) -> None:
    assert signed_urls.expired(moment)


def test_a_moment_to_come() -> None:
    assert not signed_urls.expired("4102444800")


def test_the_signature_is_no_option_of_the_export() -> None:
    items = query_string.parse("a=1&_limit=2&_signature=3&_key=4&_expires=5&_keys=6")
    assert query_string.split(items) == ({"a": ["1"]}, {"limit": ["2"], "keys": ["6"]})


def test_the_example_of_the_documents_signs_as_the_service_does() -> None:
    text = (Path(__file__).parents[2] / "docs" / "access.md").read_text()
    (example,) = re.findall(r"```python\n(.*?)```", text, re.DOTALL)
    call = (
        "\nprint(signed('http://h', 'orders.csv',"
        " [('b', 'x y+é'), ('a', '1'), ('a', '0')], 'k', 'token', b'" + SECRET + "', 4102444800))"
    )
    url = subprocess.run([sys.executable, "-c", example + call], check=True, capture_output=True, text=True).stdout
    parts = urlsplit(url.strip())
    assert parts.path == "/datasets/orders.csv"
    query, _, given = parts.query.rpartition("&_signature=")
    assert parse_qs(query) == {"b": ["x y+é"], "a": ["1", "0"], "_key": ["k"], "_expires": ["4102444800"]}
    assert accepted(given, query=query)
