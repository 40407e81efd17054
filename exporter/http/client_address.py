"""The address of a request's client."""

from collections.abc import Sequence
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from typing import TYPE_CHECKING

from exporter.http.authority import authority_of

if TYPE_CHECKING:
    from velithon.datastructures import Scope

Network = IPv4Network | IPv6Network

_SITE_BITS = 64
"""Bits of an IPv6 address that identify one caller, who has all addresses in the remaining bits (RFC 6177)."""

_MOST_HOPS = 20
"""More proxies than any request passes through."""

_LONGEST_HOP = 100
"""Characters: an IPv6 address has at most 45, and there may be brackets, a port, quotes and spaces."""


def client_address(scope: "Scope", trusted: Sequence[Network]) -> str:
    """Return the client's address in its canonical form, or "" if it is unknown.

    It is unknown over a Unix socket, and if a trusted proxy names something other than an address.

    Each proxy appends its client's address to X-Forwarded-For, so the list is trusted from its end, as far as proxies
    in the `trusted` networks wrote it.
    """
    found = _parsed(scope.client.rpartition(":")[0])
    for hop in reversed(hops(scope)):
        if found is None or not _within(found, trusted):
            break
        found = _parsed(hop)
    return str(found or "")


def hops(scope: "Scope") -> list[str]:
    """Return the client that each proxy on the way names, the last proxy's last."""
    # If there are very many, the first entry is not an address. Empty members are ignored (RFC 9110, section 5.6.1).
    return [hop for hop in scope.headers.get("x-forwarded-for", "").rsplit(",", _MOST_HOPS) if hop.strip()]


def is_trusted(scope: "Scope", trusted: Sequence[Network]) -> bool:
    """Return whether the request comes directly from one of the networks in `trusted`."""
    peer = _parsed(scope.client.rpartition(":")[0])
    return peer is not None and _within(peer, trusted)


def site(address: str) -> str:
    """Return what counts as one caller: the address, or the /64 network of an IPv6 address."""
    parsed = _parsed(address)
    if isinstance(parsed, IPv6Address):
        return str(ip_network((int(parsed) >> _SITE_BITS << _SITE_BITS, _SITE_BITS)))
    return address


def is_loopback(host: str) -> bool:
    """Return whether a host, without a port, names this machine in a way that no other machine can have."""
    address = _address(host)
    return host.lower() == "localhost" if address is None else address.is_loopback


def _within(address: IPv4Address | IPv6Address, networks: Sequence[Network]) -> bool:
    return any(address in network for network in networks)


def _parsed(text: str) -> IPv4Address | IPv6Address | None:
    """Return the address in `1.2.3.4`, `1.2.3.4:80`, `::1`, `[::1]` or `[::1]:80`, with or without quotes."""
    if len(text) > _LONGEST_HOP:
        return None
    text = text.strip().strip('"')
    address = _address(text)
    if address is None and (authority := authority_of(text)):
        address = _address(authority.host)
    return address


def _address(text: str) -> IPv4Address | IPv6Address | None:
    """Return an address; IPv4 within IPv6 becomes IPv4. An address with a zone has no meaning on other machines."""
    if "%" in text:
        return None
    try:
        address = ip_address(text)
    except ValueError:
        return None
    return getattr(address, "ipv4_mapped", None) or address
