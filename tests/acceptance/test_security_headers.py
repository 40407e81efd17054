"""What every answer tells browsers, the page above all, and which requests are refused whatever they ask for."""

import base64
import hashlib
import re
from collections.abc import Sequence

import pytest

from tests.acceptance.headers import ANSWERS, EVERYWHERE
from tests.acceptance.problems import problem
from tests.acceptance.raw import answered
from tests.acceptance.service import Service


def directives(policy: str) -> dict[str, list[str]]:
    return {name: sources for name, *sources in (directive.split() for directive in policy.split(";"))}


@pytest.mark.parametrize("path", ANSWERS)
@pytest.mark.parametrize("how", [(), ("-I",), ("-X", "DELETE"), ("--http1.0",), ("--http2-prior-knowledge",)])
def test_every_answer_has_them(service: Service, path: str, how: Sequence[str]) -> None:
    headers = service.curl(path, *how).headers
    assert headers.items() >= EVERYWHERE.items()
    policy = directives(headers["content-security-policy"])
    assert [policy[name] for name in ("default-src", "base-uri", "form-action", "frame-ancestors")] == [["'none'"]] * 4
    assert "strict-transport-security" not in headers


def test_the_page_may_have_its_own_style_and_nothing_else(service: Service) -> None:
    answer = service.curl("/")
    (style,) = re.findall("<style>(.*?)</style>", answer.text, re.DOTALL)
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    policy = directives(answer.headers["content-security-policy"])
    assert policy.pop("style-src") == [f"'sha256-{digest}'"]
    assert {source for sources in policy.values() for source in sources} == {"'none'"}
    assert not re.findall(r"<script|\sstyle=|\son\w+=|javascript:", answer.text)


@pytest.mark.parametrize("path", ["/datasets/items.csv", "/", "/nothing"])
def test_a_body_is_refused(service: Service, path: str) -> None:
    problem(service.curl(path, "-X", "GET", "--data-binary", "a=b"), 413, "request-body")
    assert service.curl(path, "--head", "-H", "Content-Length: 3").status == 413


def test_a_body_of_unknown_length_is_refused(service: Service) -> None:
    answer = service.curl(
        "/datasets/items.csv", "-X", "GET", "-H", "Transfer-Encoding: chunked", "--data-binary", "a=b"
    )
    problem(answer, 413, "request-body")


def test_an_empty_body_is_no_body(service: Service) -> None:
    assert service.curl("/datasets/items.csv", "-X", "GET", "-H", "Content-Length: 0").status == 200


END = b"Host: localhost\r\nConnection: close\r\n\r\n"


@pytest.mark.parametrize(
    ("request_", "statuses"),
    [
        (b"GET /datasets/echo.csv?word=%b HTTP/1.1\r\n%b" % (b"x" * 100_000, END), [b"414"]),
        (b"GET /healthz?%b HTTP/1.1\r\n%b" % (b"x" * 2_000_000, END), [b"414", b"431", b""]),
        (b"GET /healthz HTTP/1.1\r\n%b%b" % (b"X-A: b\r\n" * 10_000, END), [b"431", b""]),
        (b"GET /healthz HTTP/1.1\r\nX-A: %b\r\n%b" % (b"b" * 2_000_000, END), [b"431", b""]),
        (b"GET /healthz HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\na", [b"400"]),
    ],
    ids=["long address", "longer address", "many headers", "long header", "two lengths"],
)
def test_a_head_that_is_too_long_is_answered_or_cut(service: Service, request_: bytes, statuses: list[bytes]) -> None:
    assert answered(service, request_)[9:12] in statuses
    assert service.curl("/healthz").status == 200


def test_a_head_that_is_too_long_over_http_2(service: Service) -> None:
    answer = service.curl("/healthz", "--http2-prior-knowledge", *(f"-HX-{i}: {'b' * 6000}" for i in range(30)))
    assert (answer.status, answer.exit) != (200, 0)
    lines = service.curl("/healthz", "--http2-prior-knowledge", *(f"-HX-{i}: b" for i in range(300)))
    problem(lines, 431, "headers-too-long")
    assert service.curl("/healthz", "--http2-prior-knowledge", *(f"-HX-{i}: b" for i in range(200))).status == 200
    assert service.curl("/healthz", "--http2-prior-knowledge").status == 200
