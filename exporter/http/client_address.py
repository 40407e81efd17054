"""Whom a request came from."""

from collections.abc import Sequence
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network

from velithon.datastructures import Scope

Network = IPv4Network | IPv6Network

_SITE_BITS = 64
"""Of an IPv6 address; one caller has at least as many addresses as the rest counts (RFC 6177)."""


def client_address(scope: Scope, trusted: Sequence[Network]) -> str:
    """Return the client's address in its canonical form, or "" when it is not known.

    It is not over a Unix socket, and where a trusted proxy names something else than an address.

    Each proxy appends to X-Forwarded-For whom it was asked by, so the list is believed from its end for as long as the
    networks in `trusted` wrote it.
    """
    found = _parsed(scope.client.rpartition(":")[0])
    for hop in reversed(hops(scope)):
        if found is None or not _within(found, trusted):
            break
        found = _parsed(hop)
    return str(found or "")


def hops(scope: Scope) -> list[str]:
    """Return whom each proxy on the way says it was asked by, the last one's word last."""
    # Empty members count for nothing (RFC 9110, section 5.6.1).
    return [hop for hop in scope.headers.get("x-forwarded-for", "").split(",") if hop.strip()]


def is_trusted(scope: Scope, trusted: Sequence[Network]) -> bool:
    """Return whether the request comes from one of the networks in `trusted` itself."""
    peer = _parsed(scope.client.rpartition(":")[0])
    return peer is not None and _within(peer, trusted)


def site(address: str) -> str:
    """Return what is counted as one caller: the address, or the /64 network of an IPv6 address."""
    parsed = _parsed(address)
    if isinstance(parsed, IPv6Address):
        return str(ip_network((int(parsed) >> _SITE_BITS << _SITE_BITS, _SITE_BITS)))
    return address


def is_loopback(host: str) -> bool:
    """Return whether a host, with or without a port, is this machine by an address that nobody else can give."""
    parsed = _parsed(host)
    return host.partition(":")[0].lower() == "localhost" if parsed is None else parsed.is_loopback


def _within(address: IPv4Address | IPv6Address, networks: Sequence[Network]) -> bool:
    return any(address in network for network in networks)


def _parsed(text: str) -> IPv4Address | IPv6Address | None:
    """Return the address of `1.2.3.4`, `1.2.3.4:80`, `::1`, `[::1]` or `[::1]:80`; IPv4 within IPv6 becomes IPv4."""
    text = text.strip().strip('"')
    if text.startswith("["):
        text = text[1:].partition("]")[0]
    elif text.count(":") == 1:
        text = text.partition(":")[0]
    try:
        address = ip_address(text)
    except ValueError:
        return None
    return getattr(address, "ipv4_mapped", None) or address
