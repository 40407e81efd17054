"""Whom a request came from."""

from collections.abc import Sequence
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from typing import TYPE_CHECKING

from exporter.http.authority import authority_of

if TYPE_CHECKING:
    from velithon.datastructures import Scope

Network = IPv4Network | IPv6Network

_SITE_BITS = 64
"""Of an IPv6 address; one caller has at least as many addresses as the rest counts (RFC 6177)."""

_MOST_HOPS = 20
"""More proxies than any request passes."""

_LONGEST_HOP = 100
"""Characters: an IPv6 address has 45 at most, and there may be brackets, a port, quotes and spaces."""


def client_address(scope: "Scope", trusted: Sequence[Network]) -> str:
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


def hops(scope: "Scope") -> list[str]:
    """Return whom each proxy on the way says it was asked by, the last one's word last."""
    # Before very many there is one that names nobody. Empty members count for nothing (RFC 9110, section 5.6.1).
    return [hop for hop in scope.headers.get("x-forwarded-for", "").rsplit(",", _MOST_HOPS) if hop.strip()]


def is_trusted(scope: "Scope", trusted: Sequence[Network]) -> bool:
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
    """Return whether a host, without a port, is this machine by a name or an address that nobody else can give."""
    address = _address(host)
    return host.lower() == "localhost" if address is None else address.is_loopback


def _within(address: IPv4Address | IPv6Address, networks: Sequence[Network]) -> bool:
    return any(address in network for network in networks)


def _parsed(text: str) -> IPv4Address | IPv6Address | None:
    """Return the address of `1.2.3.4`, `1.2.3.4:80`, `::1`, `[::1]` or `[::1]:80`, with quotes around it or without."""
    if len(text) > _LONGEST_HOP:
        return None
    text = text.strip().strip('"')
    address = _address(text)
    if address is None and (authority := authority_of(text)):
        address = _address(authority.host)
    return address


def _address(text: str) -> IPv4Address | IPv6Address | None:
    """Return an address; IPv4 within IPv6 becomes IPv4. One with a zone is its machine's own affair, and nobody's."""
    if "%" in text:
        return None
    try:
        address = ip_address(text)
    except ValueError:
        return None
    return getattr(address, "ipv4_mapped", None) or address
