"""What a page of another origin has a browser ask of a service that wants no credentials, byte by byte."""

import pytest

from tests.acceptance.problems import problem
from tests.acceptance.raw import answered
from tests.acceptance.service import Service

EXPORT = "/datasets/items.csv"


def headers(*lines: str) -> list[str]:
    return [f"-H{line}" for line in lines]


LINK = headers("Sec-Fetch-Site: cross-site", "Sec-Fetch-Mode: navigate", "Sec-Fetch-Dest: document")


@pytest.mark.parametrize("version", ["--http1.1", "--http2-prior-knowledge"])
@pytest.mark.parametrize("path", [EXPORT, "/datasets/items", "/datasets", "/", "/openapi.json", "/metrics"])
def test_nothing_is_given_to_it(service: Service, path: str, version: str) -> None:
    for lines in (["Sec-Fetch-Site: cross-site"], ["Sec-Fetch-Site: same-site"], ["Origin: https://evil.example"]):
        document = problem(service.curl(path, version, *headers(*lines)), 403, "cross-site")
        assert "EXPORTER_CORS_ORIGINS" in document["detail"]
        assert "key" in document["detail"]


def test_a_link_leads_to_pages(service: Service) -> None:
    for path in ("/", "/datasets", "/datasets/items"):
        assert service.curl(path, *LINK).status == 200
    for path, how in ((EXPORT, ()), ("/datasets/items", headers("Accept: text/csv"))):
        problem(service.curl(path, *LINK, *how), 403, "cross-site")


def test_its_own_pages_and_programs_go_on(service: Service) -> None:
    own = service.url
    for lines in ([], ["Sec-Fetch-Site: same-origin", f"Origin: {own}"], ["Sec-Fetch-Site: none"], [f"Origin: {own}"]):
        assert service.curl(EXPORT, *headers(*lines)).status == 200


def test_a_question_ahead_is_not_answered(service: Service) -> None:
    question = headers("Origin: https://evil.example", "Access-Control-Request-Method: GET")
    answer = service.curl(EXPORT, "-X", "OPTIONS", *question)
    assert (answer.status, [name for name in answer.headers if name.startswith("access-control-")]) == (405, [])


@pytest.mark.parametrize(
    "head",
    [
        b"GET %b HTTP/1.1\r\nHost: evil.example",
        b"GET %b HTTP/1.1\r\nHost: localhost.evil.example",
        b"GET %b HTTP/1.1\r\nHost: [::2]:80",
        b"GET %b HTTP/1.0\r\nX-Nothing: x",
        b"GET http://evil.example%b HTTP/1.1\r\nX-Nothing: x",
        b"GET %b HTTP/1.1\r\nHost: localhost\r\nVia: 1.1 proxy",
        b"GET %b HTTP/1.1\r\nHost: localhost\r\nX-Forwarded-Host: localhost",
        b"GET %b HTTP/1.1\r\nHost: localhost\r\nCF-Connecting-IP: 127.0.0.1",
    ],
)
def test_other_names_and_proxies_are_not_this_machine(service: Service, head: bytes) -> None:
    answer = answered(service, head % EXPORT.encode() + b"\r\nConnection: close\r\n\r\n")
    assert answer.split(maxsplit=2)[1] == b"403"
    assert b"urn:exporter:problem:loopback-only" in answer


def test_a_whole_address_of_this_machine(service: Service) -> None:
    request = b"GET http://localhost/datasets HTTP/1.1\r\nConnection: close\r\n\r\n"
    assert answered(service, request).startswith(b"HTTP/1.1 200 ")
