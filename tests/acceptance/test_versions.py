"""What a request is asked over: HTTP/1.0 as old health checks speak it, and the host that every request names."""

import csv
from pathlib import Path

import pytest

from tests.acceptance.fronts import haproxy
from tests.acceptance.http2 import http2
from tests.acceptance.problems import problem
from tests.acceptance.raw import answered
from tests.acceptance.service import Service, curl, until

WHOLE = ["/", "/datasets", "/datasets/items", "/healthz", "/readyz", "/openapi.json", "/metrics"]
ONE_HOST = "urn:exporter:problem:malformed-host"


@pytest.mark.parametrize("path", WHOLE)
def test_http_1_0_is_answered_with_what_has_a_length(service: Service, path: str) -> None:
    answer, newer = service.curl(path, "--http1.0"), service.curl(path, "--http1.1")
    assert (answer.exit, answer.status) == (newer.exit, newer.status)
    assert "transfer-encoding" not in answer.headers
    assert int(answer.headers["content-length"]) == len(answer.body)
    assert answer.headers.keys() - {"connection"} == newer.headers.keys()
    # The metrics count the request before.
    assert path == "/metrics" or answer.body == newer.body


def test_problems_over_http_1_0(service: Service) -> None:
    problem(service.curl("/nothing", "--http1.0"), 404, "not-found")
    problem(service.curl("/datasets/items.csv?_limit=x", "--http1.0", "-X", "PUT"), 405, "method-not-allowed")


def test_a_connection_of_http_1_0_may_be_kept(service: Service) -> None:
    ask = b"GET /healthz HTTP/1.0\r\nConnection: %b\r\n\r\n"
    answer = answered(service, ask % b"keep-alive" + ask % b"close")
    assert answer.count(b'{"status":"ok"}') == 2


def test_a_balancer_s_own_check(service: Service, tmp_path: Path) -> None:
    """HAProxy asks over HTTP/1.0 and names no host."""
    own = "stats enable\n    stats uri /checks"
    with haproxy(service, tmp_path, own, "option httpchk GET /readyz\n    default-server check inter 100ms") as url:

        def checked() -> str:
            table = curl(f"{url}/checks;csv").text.removeprefix("# ").splitlines()
            return next(row["check_status"] for row in csv.DictReader(table) if row["svname"] == "one")

        assert "L7OK" in until(lambda: checked() if "L7" in checked() else "")


@pytest.mark.parametrize(
    "head",
    [
        b"GET %b HTTP/1.1\r\nX-Nothing: x",
        b"GET %b HTTP/1.1\r\nHost:",
        b"GET %b HTTP/1.1\r\nHost: localhost\r\nHost: localhost",
        b"GET %b HTTP/1.1\r\nHost: localhost\r\nHost: evil.example",
        b"GET %b HTTP/1.1\r\nHost: localhost\r\nhost:",
        b"GET %b HTTP/1.0\r\nHost: localhost\r\nHost: localhost",
        b"GET %b HTTP/1.0\r\nHost:\r\nHost:",
        b"GET %b HTTP/1.1\r\nHost: localhost, evil.example",
        b"GET %b HTTP/1.1\r\nHost: [::1]evil.example",
        b"GET %b HTTP/1.1\r\nHost: 127.0.0.1:80@evil.example",
        b"GET %b HTTP/1.1\r\nHost: localhost/a",
        b"GET http://localhost@evil.example%b HTTP/1.1\r\nX-Nothing: x",
        b"GET http://evil.example%b HTTP/1.1\r\nHost: a\r\nHost: b",
    ],
)
@pytest.mark.parametrize("path", [b"/datasets/items.csv", b"/healthz", b"/nothing"])
def test_a_request_names_one_host(service: Service, head: bytes, path: bytes) -> None:
    answer = answered(service, head % path + b"\r\nConnection: close\r\n\r\n")
    assert answer.split(maxsplit=2)[1] == b"400"
    assert ONE_HOST.encode() in answer


@pytest.mark.parametrize(
    "host", ["localhost", "a_b.example:80", "[::1]:8000", "LOCALHOST:", "a%20b", "xn--bcher-kva.example."]
)
def test_hosts_that_may_be_asked(service: Service, host: str) -> None:
    assert service.curl("/healthz", "-H", f"Host: {host}").status == 200


@pytest.mark.parametrize("hosts", [["[::1]evil.example"], ["localhost:80:80"], ["localhost", "localhost"]])
def test_a_request_names_one_host_over_http_2(service: Service, hosts: list[str]) -> None:
    with http2(service.url, window=1 << 16) as client:
        stream = client.ask("/healthz", *(("host", host) for host in hosts))
        client.until(lambda: stream in client.ended or stream in client.reset)
        assert stream in client.reset or (client.statuses[stream], ONE_HOST.encode() in client.bodies[stream]) == (
            400,
            True,
        )
