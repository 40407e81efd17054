"""The longest that callers may send: what it costs grows no faster than its length, and what is longer is told.

Nothing here depends on how fast or busy the machine is: what is compared are seconds of this thread's own work.
"""

import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from ipaddress import ip_network
from typing import Any

import pytest
from velithon.requests import Request

from exporter.access.credentials import Malformed, token_of
from exporter.access.principal import Principal
from exporter.exports.bounds import Bounds
from exporter.exports.options import choose
from exporter.exports.plan import _chosen
from exporter.http.client_address import client_address
from exporter.http.cors import Cors
from exporter.http.disposition import attachment, default_name
from exporter.http.negotiation import content_coding, media_type
from exporter.http.query_string import parse
from exporter.http.ranges import refuse_part
from exporter.http.rsgi import RsgiScope
from exporter.http.sites import is_cross_site
from exporter.problems import Problem, ProblemType
from exporter.web.downloads import Download, DownloadOptions, _off_loop, download
from formats import registry
from queries.binding import Template
from queries.dataset import Dataset
from queries.declaration import Parameter
from queries.parameter_types import SCALARS
from queries.parameters import validate
from tests.asking import request

CSV = registry.BUILT_IN[0]
OFFERED = [media for format_ in registry.BUILT_IN for media in format_.media_types]
TEXT, TEXTS = Parameter(name="p", type="text"), Parameter(name="p", type="text[]")
PROXIES = [ip_network("10.0.0.0/8")]


def scope(*headers: tuple[str, str]) -> RsgiScope:
    return RsgiScope(
        {
            "http_version": "1.1",
            "method": "GET",
            "path": "/",
            "query_string": b"",
            "client": ("10.0.0.1", 1),
            "headers": [(name.encode(), value.encode("latin-1")) for name, value in headers],
        },
        PROXIES,
    )


def filled(piece: str, length: int) -> str:
    return (piece * (length // len(piece) + 1))[:length]


def array(type_: str, value: str, **declared: Any) -> Callable[..., Any]:
    parameter = Parameter.model_validate({"name": "p", "type": f"{type_}[]", **declared})
    return lambda n: validate([parameter], {"p": [value] * n})


def number(text: Callable[[int], str]) -> Callable[[int], object]:
    return lambda n: validate([Parameter(name="p", type="numeric")], {"p": [text(n)]})


READERS: dict[str, Any] = {
    **{
        f"Accept {piece!r}": (lambda n, piece=piece: media_type(filled(piece, n), OFFERED), 2_000)
        for piece in ("a", ",", "a,", "a;q=1,", ";", "q=,", "*/*,", "text/csv;q=0.5,", ";q=0.1")
    },
    **{
        f"Accept-Encoding {piece!r}": (lambda n, piece=piece: content_coding(filled(piece, n), ["zstd", "gzip"]), 2_000)
        for piece in (",", "a;q=1,", "gzip;q=0,")
    },
    **{
        f"X-Forwarded-For {piece!r}": (lambda n, piece=piece: scope(("x-forwarded-for", filled(piece, n))), 100_000)
        for piece in ("10.0.0.1,", ",", " ", " ,", '"', "::,", "[", ":", "1")
    },
    **{
        f"Range {piece!r}": (
            lambda n, piece=piece: _refused(refuse_part, {"range": f"bytes={filled(piece, n)}"}),
            100_000,
        )
        for piece in ("0", "0-", " ", "0-,", "-")
    },
    **{
        f"Authorization {piece!r}": (lambda n, piece=piece: _refused(token_of, filled(piece, n)), 4_000)
        for piece in ("Bearer a", "Basic YTo=", "Bearer =", "Basic AAAA")
    },
    **{
        f"{name} {piece!r}": (
            lambda n, name=name, piece=piece: is_cross_site(scope((name, "http://" + filled(piece, n))), ["http://a"]),
            100_000,
        )
        for name in ("origin", "referer", "host")
        for piece in ("a", ":", "/", "a/", "%41", "[")
    },
    **{
        f"query string {piece!r}": (lambda n, piece=piece: _refused(parse, filled(piece, n)), 15_000)
        for piece in ("a", "%41", "+", "=", "%C3%BC", ";", "\\", "%", "\xc3\xbc", "%5C")
    },
    "fields": (lambda n: parse("&".join(["a=%41%41"] * n)), 500),
    "header lines": (lambda n: Cors(["http://a"]).headers({"headers": [(b"a", b"")] * n}), 1_000),
    "headers that are repeated": (lambda n: scope(*[("accept", "a")] * n).headers["accept"], 1_000),
    "headers that differ": (lambda n: len(scope(*[(f"a{i}", "") for i in range(n)]).headers), 1_000),
    "columns that are not there": (lambda n: _refused(_chosen, ["a"], [f"b{i}" for i in range(n)]), 400),
    "columns twice": (lambda n: _refused(_chosen, ["a"], ["a"] * n), 400),
    "unknown options": (lambda n: choose(CSV, {f"x{i}": "1" for i in range(n)}, DownloadOptions, prefix="_"), 50),
    "long unknown options": (lambda n: choose(CSV, {"x" * n: "1"}, DownloadOptions, prefix="_"), 15_000),
    "a literal": (lambda n: Template("SELECT :p", (TEXT,)).literal(["ü😀" * n]), 15_000),
    "an array's literal": (lambda n: Template("SELECT :p", (TEXTS,)).literal([["a'\\"] * n]), 500),
    "a file's name": (lambda n: attachment(default_name("d", ["/" * n, "\u202e" * n], "d")), 15_000),
    "texts": (array("text", "a"), 500),
    "texts of a pattern": (array("text", "ab ab ab", pattern=r"(\w+\s?)+"), 500),
    "texts to choose from": (lambda n: array("text", f"c{n - 1}", choices=[f"c{i}" for i in range(n)])(n), 250),
    "timestamps within limits": (array("timestamptz", "2024-01-01T00:00Z", min="2000-01-01", max="2030-01-01"), 400),
    "digits": (number(lambda n: "9" * n), 15_000),
    "digits before a letter": (number(lambda n: "9" * n + "." + "9" * n + "x"), 15_000),
    "zeros before a letter": (number(lambda n: "0" * n + "x"), 15_000),
    **{
        f"{type_} of {piece!r}": (
            lambda n, type_=type_, piece=piece: validate([Parameter(name="p", type=type_)], {"p": [filled(piece, n)]}),
            15_000,
        )
        for type_ in SCALARS
        for piece in ("9", " ", "-", "2024-", "1e9")
    },
    "names that may be read": (
        lambda n: Principal("p", tuple(f"d{i}" for i in range(n))).may_read("x"),
        1_000,
    ),
}


def _refused(read: Callable[..., Any], *given: Any) -> Any:
    try:
        return read(*given)
    except (Problem, Malformed) as refusal:
        return refusal


def _seconds(read: Callable[..., Any], length: int) -> float:
    """Return the least that it took this thread, of several times."""
    times = []
    for _ in range(5):
        begun = time.thread_time()
        read(length)
        times.append(time.thread_time() - begun)
    return min(times)


@pytest.mark.parametrize("name", READERS)
def test_four_times_as_much_takes_no_more_than_eight_times_as_long(name: str) -> None:
    """What is quadratic takes sixteen times as long; a millisecond covers what is too short to be measured."""
    read, length = READERS[name]
    assert _seconds(read, 4 * length) <= 8 * _seconds(read, length) + 1e-3


def test_a_list_is_read_once_however_many_types_are_offered() -> None:
    header = filled("a,", 8_192)
    few, many = ([f"text/x{i}" for i in range(count)] for count in (4, 64))
    assert _seconds(lambda _: media_type(header, many), 0) <= 4 * _seconds(lambda _: media_type(header, few), 0) + 1e-3


@pytest.mark.parametrize(
    "read", [lambda text: media_type(text, ["text/csv"]), lambda text: content_coding(text, ["gzip"])]
)
def test_lists_that_nobody_sends_are_refused(read: Callable[..., Any]) -> None:
    read("a," * 4_096)
    with pytest.raises(Problem) as refused:
        read("a," * 4_096 + "a")
    assert refused.value.type is ProblemType.HEADERS_TOO_LONG
    assert "8,192" in refused.value.detail


def test_twenty_proxies_are_believed_and_before_them_there_is_nobody() -> None:
    chain = ["192.0.2.1", *["10.0.0.2"] * 20]
    assert client_address(scope(("x-forwarded-for", ", ".join(chain))), PROXIES) == "192.0.2.1"
    for more in (["10.0.0.2", *chain], ["127.0.0.1", *chain[1:], "10.0.0.2"], ["127.0.0.1", *[""] * 30, *chain[1:]]):
        assert client_address(scope(("x-forwarded-for", ",".join(more))), PROXIES) == ""


def test_more_columns_than_a_query_has_are_refused() -> None:
    assert not choose(CSV, {"columns": ",".join("a" * 1_664)})[1]
    (fault,) = choose(CSV, {"columns": ",".join("a" * 1_665)})[1]
    assert (fault.parameter, fault.is_option, fault.detail) == (
        "columns",
        True,
        "names more than 1,664 columns, PostgreSQL's limit",
    )


def test_long_names_and_many_pairs_are_not_compared_with_what_could_be_meant(monkeypatch: pytest.MonkeyPatch) -> None:
    compared: list[object] = []

    def closest(*given: object, **_: object) -> Sequence[str]:
        compared.append(given)
        return ()

    monkeypatch.setattr("queries.parameters.difflib.get_close_matches", closest)
    some = [Parameter(name=f"p{i}", type="text", default="x") for i in range(200)]
    validate(some, {"p": ["1"]})
    validate(some[:10], {"p" * 41: ["1"]})
    assert not compared
    validate(some[:10], {"p" * 40: ["1"]})
    assert len(compared) == 1


@pytest.mark.anyio
async def test_a_long_query_string_is_read_beside_the_event_loop() -> None:
    dataset = Dataset("d", sql="SELECT :p", parameters={"p": {"type": "integer[]"}})
    here = threading.get_ident()
    with ThreadPoolExecutor(1) as threads:
        for many, beside in ((10, False), (1_500, True)):
            asked = request(f"/datasets/d.csv?{'&'.join(['p=1'] * many)}")
            read_by: list[int] = []

            def reading(asked: Request = asked, read_by: list[int] = read_by) -> Download:
                read_by.append(threading.get_ident())
                return download(dataset, CSV, asked, Principal("p"), Bounds())

            downloading = await _off_loop(reading, asked, threads)
            assert downloading.order.arguments == {"p": ["1"] * many}
            assert (read_by != [here]) is beside
            with pytest.raises(Problem):
                await _off_loop(
                    lambda: download(dataset, CSV, request("/d?x=1"), Principal("p"), Bounds()), asked, threads
                )
