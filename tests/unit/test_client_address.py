"""Whom a request came from, with proxies in front and without."""

from ipaddress import ip_network

import pytest

from exporter.http.client_address import client_address, is_loopback, site
from exporter.http.rsgi import RsgiScope

PROXIES = [ip_network("10.0.0.0/8"), ip_network("fd00::/8")]


def asked(peer: str | None, *forwarded: str) -> RsgiScope:
    return RsgiScope(
        {
            "http_version": "1.1",
            "method": "GET",
            "path": "/",
            "query_string": b"",
            "client": peer and (peer, 40000),
            "headers": [(b"X-Forwarded-For", value.encode()) for value in forwarded],
        }
    )


@pytest.mark.parametrize(
    ("peer", "forwarded", "found"),
    [
        ("192.0.2.1", [], "192.0.2.1"),
        ("2001:db8::8080", [], "2001:db8::8080"),
        ("::ffff:127.0.0.1", [], "127.0.0.1"),
        (None, ["127.0.0.1"], ""),
        # Nobody whom we trust wrote it.
        ("192.0.2.1", ["127.0.0.1"], "192.0.2.1"),
        ("10.0.0.1", ["127.0.0.1, 192.0.2.1"], "192.0.2.1"),
        ("10.0.0.1", ["127.0.0.1", "192.0.2.1"], "192.0.2.1"),
        ("10.0.0.1", ["127.0.0.1, 192.0.2.1, 10.0.0.2 ,10.9.9.9"], "192.0.2.1"),
        ("fd00::1", ["2001:DB8::1"], "2001:db8::1"),
        ("10.0.0.1", ["192.0.2.1:4711"], "192.0.2.1"),
        ("10.0.0.1", ["[2001:db8::1]:4711"], "2001:db8::1"),
        ("10.0.0.1", ["10.0.0.3, 10.0.0.2"], "10.0.0.3"),
        ("10.0.0.1", [], "10.0.0.1"),
        ("10.0.0.1", ["192.0.2.1, unknown"], ""),
        ("10.0.0.1", ["192.0.2.1, , "], "192.0.2.1"),
        ("10.0.0.1", ['"[2001:db8::1]:4711"'], "2001:db8::1"),
        ("10.0.0.1", ["192.0.2.1, unknown, 10.0.0.2"], ""),
        ("10.0.0.1", ["[::1]evil.example"], ""),
        ("10.0.0.1", ["127.0.0.1:80@evil.example"], ""),
        ("10.0.0.1", ["::1%evil"], ""),
    ],
)
def test_the_client_is_the_last_one_whom_no_trusted_proxy_stands_for(
    peer: str | None, forwarded: list[str], found: str
) -> None:
    assert client_address(asked(peer, *forwarded), PROXIES) == found


def test_without_trusted_proxies_nothing_forwarded_counts() -> None:
    assert client_address(asked("10.0.0.1", "192.0.2.1"), []) == "10.0.0.1"


@pytest.mark.parametrize(
    ("address", "counted"),
    [("192.0.2.1", "192.0.2.1"), ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"), ("::1", "::/64"), ("", "")],
)
def test_a_caller_has_all_addresses_of_its_ipv6_network(address: str, counted: str) -> None:
    assert site(address) == counted


@pytest.mark.parametrize("host", ["localhost", "LOCALHOST", "127.0.0.1", "127.9.9.9", "::1", "::ffff:127.0.0.1"])
def test_names_of_this_machine(host: str) -> None:
    assert is_loopback(host)


@pytest.mark.parametrize(
    "host",
    [
        "",
        "0.0.0.0",
        "::",
        "192.0.2.1",
        "localhost.example.org",
        "127.0.0.1.example.org",
        "example.org",
        "2130706433",
        "127.1",
        "127.0.0.1:80",
        "[::1]",
        "::1%eth0",
    ],
)
def test_names_of_other_machines(host: str) -> None:
    assert not is_loopback(host)
