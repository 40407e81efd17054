"""Anything at all over a real socket: no 500, no traceback, nothing sent back unescaped, and the service goes on."""

import re
import socket
from collections.abc import Iterator
from contextlib import suppress
from typing import NamedTuple
from urllib.parse import quote_from_bytes, urlsplit

import orjson
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from exporter.http.headers import EXPOSED
from tests.acceptance.headers import EVERYWHERE, SAFELISTED, TRANSPORT
from tests.acceptance.service import Service

same = settings(
    derandomize=True,
    deadline=None,
    max_examples=250,
    database=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
"""The same examples in every run, so that it fails for everybody or for nobody."""

KNOWN = {*EVERYWHERE, *SAFELISTED, *TRANSPORT, *map(str.lower, EXPOSED), "content-security-policy"}

HOSTILE = [
    b"\r\nX-Injected: 1", b"\n", b"\0", b'"', b"'", b"<script>alert(1)</script>", b"\xc0\xaf", b"\xff\xfe",
    b"\xed\xa0\x80", b"../", b"\\", "\u202egpj".encode(), b"%00", b"%", b"%zz", b"{{7*7}}", b"${jndi:ldap://a}",
    b"';--", b"*/", b"$1", b":word", b"9" * 400, b"1e999999999", b"-1", b"NaN", b"a" * 3000, b"&", b"=", b"#", b"?",
    b";", b",", "é".encode(), "😀".encode(),
]  # fmt: skip

values = st.lists(st.sampled_from(HOSTILE), max_size=3).map(b"".join) | st.binary(max_size=40)
escaped = values.map(lambda value: quote_from_bytes(value, safe="").encode())
addressed = escaped | values.map(lambda value: re.sub(rb"[\x00-\x20\x7f]", b"_", value))
"""What stands in a request line, percent-encoded or as it is."""

DATASETS = [b"items", b"echo", b"echo_fetched", b"typed", b"markup", b"empty", b"twins", b"none"]
EXTENSIONS = [b".csv", b".ndjson", b".parquet", b".arrows", b"", b".xlsx"]
PARAMETERS = (
    b"word day number kind _columns _limit _filename _header _delimiter _null _profile _escape_formulas _compression "
    b"_row_group_size _ordered"
).split()
HEADERS = (
    b"Accept Accept-Encoding Range Authorization If-None-Match If-Modified-Since If-Range Prefer Origin Cookie TE "
    b"Forwarded X-Forwarded-For X-Forwarded-Proto X-Forwarded-Host traceparent Upgrade Expect Content-Type "
    b"X-HTTP-Method-Override Access-Control-Request-Method"
).split()

paths = st.one_of(
    st.builds(b"/datasets/%b%b".__mod__, st.tuples(st.sampled_from(DATASETS), st.sampled_from(EXTENSIONS))),
    st.builds(b"/datasets/%b%b".__mod__, st.tuples(addressed, st.sampled_from(EXTENSIONS))),
    addressed.map(b"/%b".__mod__),
)
queries = st.lists(st.tuples(st.sampled_from(PARAMETERS) | addressed, addressed), max_size=3).map(
    lambda pairs: b"&".join(b"%b=%b" % pair for pair in pairs)
)
header_values = values.map(lambda value: re.sub(rb"[\x00-\x08\x0a-\x1f\x7f]", b"", value))
headers = st.lists(st.tuples(st.sampled_from(HEADERS), header_values), max_size=3)


class Reply(NamedTuple):
    status: int
    headers: dict[str, str]
    body: bytes


@pytest.fixture(scope="module")
def fuzzed(service: Service) -> Iterator[Service]:
    """The service, whose log must not tell of a defect afterwards, and whose worker must be the one it was."""
    before, told = {worker.pid for worker in service.workers()}, len(service.log.read_text())
    yield service
    assert {worker.pid for worker in service.workers()} == before
    assert service.curl("/datasets/items.csv").status == 200
    assert not re.search("Traceback|internal-error|panicked", service.log.read_text()[told:])


def sent(service: Service, request: bytes, *, whole: bool = True) -> Reply | None:
    """Send a request and return its answer; None where the server closed without one.

    What may be no `whole` request is followed by the end of sending, or the server would wait for the rest.
    """
    address, answer = urlsplit(service.url), bytearray()
    with socket.create_connection((address.hostname, address.port or 0), timeout=20) as connection:
        # What is refused early is closed while it is sent.
        with suppress(ConnectionError):
            connection.sendall(request)
        if not whole:
            with suppress(OSError):
                connection.shutdown(socket.SHUT_WR)
        with suppress(ConnectionError):
            while chunk := connection.recv(65_536):
                answer += chunk
    if not answer:
        return None
    head, _, body = bytes(answer).partition(b"\r\n\r\n")
    line, *lines = head.decode("latin-1").split("\r\n")
    assert re.fullmatch(r"HTTP/1\.1 \d{3} [A-Za-z -]+", line)
    fields = [field.partition(": ") for field in lines]
    return Reply(int(line[9:12]), {name.lower(): value for name, _, value in fields}, body)


def harmless(reply: Reply | None) -> None:
    """Check that an answer is none that an attacker, or a developer, would frown at."""
    if reply is None:
        return
    assert reply.status not in (500, 502)
    assert reply.headers.keys() <= KNOWN
    assert not any(re.search(r"[\r\n\0]", value) for value in reply.headers.values())
    if reply.headers.get("content-type") == "application/problem+json":
        problem = orjson.loads(reply.body)
        assert problem["status"] == reply.status
        # What the caller wrote may stand in a fault, as JSON and never sniffed for HTML; the service's own words not.
        said = f"{problem['title']} {problem['detail']}".replace("grant SELECT to", "")
        assert not re.search(r"<|Traceback|asyncpg|\.py\b", said)
        assert reply.headers["x-content-type-options"] == "nosniff"
    elif reply.status >= 400:
        assert reply.body == b""
    if reply.headers.get("content-type", "").startswith("text/html"):
        assert b"<script" not in reply.body


def request(method: bytes, target: bytes, fields: list[tuple[bytes, bytes]]) -> bytes:
    lines = b"".join(b"%b: %b\r\n" % field for field in fields)
    return b"%b %b HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n%b\r\n" % (method, target, lines)


@same
@given(paths, queries, headers)
@example(b"/datasets/echo.csv", b"_filename=a%0d%0aSet-Cookie:%20b&word=%0d%0aX:%20y", [])
@example(b"/datasets/echo.csv", b"word=" + b"%22%3b" * 5000, [])
def test_any_address_and_header(fuzzed: Service, path: bytes, query: bytes, fields: list[tuple[bytes, bytes]]) -> None:
    reply = sent(fuzzed, request(b"GET", path + b"?" + query if query else path, fields))
    harmless(reply)
    if reply and "content-disposition" in reply.headers:
        stored = reply.headers["content-disposition"]
        assert re.fullmatch(r'attachment; filename="[^"\\/]+"(; filename\*=UTF-8\'\'[A-Za-z0-9_.~%-]+)?', stored)
        assert not re.search("%2F|%5C|%0D|%0A|%00|%E2%80%AE", stored.partition("UTF-8''")[2])


@same
@given(
    st.binary(min_size=1, max_size=12) | st.sampled_from([b"OPTIONS", b"TRACE", b"CONNECT", b"PATCH", b"get", b"PRI"])
)
def test_any_method(fuzzed: Service, method: bytes) -> None:
    reply = sent(fuzzed, request(method, b"/datasets/items.csv", []))
    harmless(reply)
    assert reply is None or reply.status != 200 or method in (b"GET", b"HEAD")


@same
@given(values, st.sampled_from([b"Host", b"Content-Length", b"Transfer-Encoding", b"Connection", b"HTTP2-Settings"]))
def test_any_header_that_the_server_reads_itself(fuzzed: Service, value: bytes, name: bytes) -> None:
    harmless(sent(fuzzed, b"GET /datasets/echo.csv HTTP/1.1\r\nConnection: close\r\n%b: %b\r\n\r\n" % (name, value)))


@same
@given(st.binary(max_size=300) | values)
def test_any_bytes(fuzzed: Service, sent_: bytes) -> None:
    harmless(sent(fuzzed, sent_, whole=False))
    harmless(sent(fuzzed, b"GET " + sent_ + b"\r\n\r\n", whole=False))


@same
@given(values.filter(lambda value: 0 < len(value) < 2000))
def test_any_word_comes_back_exactly_or_is_refused(fuzzed: Service, word: bytes) -> None:
    query = quote_from_bytes(word, safe="").encode()
    reply = sent(fuzzed, request(b"GET", b"/datasets/echo.ndjson?word=" + query, []))
    assert reply is not None
    harmless(reply)
    if reply.status == 200:
        chunks = reply.body.split(b"\r\n")
        assert orjson.loads(b"".join(chunks[1::2]))["word"] == word.decode()
