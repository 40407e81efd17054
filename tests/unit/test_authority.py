"""What a request was sent to: a host, perhaps a port, and nothing else."""

import pytest

from exporter.http.authority import authority_of


@pytest.mark.parametrize(
    ("text", "host", "port"),
    [
        ("localhost", "localhost", None),
        ("LocalHost:8000", "localhost", 8000),
        ("localhost:", "localhost", None),
        ("127.0.0.1:80", "127.0.0.1", 80),
        ("[::1]", "::1", None),
        ("[::1]:65535", "::1", 65535),
        ("[::FFFF:127.0.0.1]:1", "::ffff:127.0.0.1", 1),
        ("a_b.example", "a_b.example", None),
        ("b%C3%BC.example:1", "b%c3%bc.example", 1),
    ],
)
def test_hosts_and_ports(text: str, host: str, port: int | None) -> None:
    assert authority_of(text) == (host, port)


@pytest.mark.parametrize(
    "text",
    [
        "",
        ":80",
        " localhost",
        "localhost ",
        "local host",
        "localhost\n",
        "localhost, localhost",
        "localhost,\tlocalhost",
        "[::1]evil.com",
        "[::1].evil.com:80",
        "[::1",
        "::1",
        "[]",
        "[::1%25eth0]",
        "[v1.a]",
        "127.0.0.1:80@evil.com",
        "user@localhost",
        "localhost:80:80",
        "localhost:x",
        "localhost:-1",
        "localhost:１",  # noqa: RUF001 - a digit, but none of a port
        "localhost:123456",
        "localhost/x",
        "localhost#x",
        "localhost?x",
        "http://localhost",
        "localhost\\evil",
        "%zz",
        "bücher.example",
        "a" * 400_000,
    ],
)
def test_everything_else_is_none(text: str) -> None:
    assert authority_of(text) is None
