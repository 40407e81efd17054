"""Anonymous callers when no credentials are configured: local ones only, unless the operator allows others."""

from collections.abc import Sequence

from velithon.datastructures import Scope

from exporter.http.authority import authority_of
from exporter.http.client_address import Network, client_address, hops, is_loopback, is_trusted
from exporter.problems import Problem, ProblemType

_PROXIED = {
    "cdn-loop", "client-ip", "cloudfront-viewer-address", "fastly-client-ip", "fly-client-ip", "forwarded",
    "forwarded-for", "proxy-client-ip", "true-client-ip", "via", "wl-proxy-client-ip", "x-client-ip",
    "x-cluster-client-ip", "x-host", "x-original-forwarded-for", "x-original-host", "x-original-url",
    "x-originating-ip", "x-proxyuser-ip", "x-real-ip", "x-remote-addr", "x-remote-ip", "x-rewrite-url",
}  # fmt: skip
_PROXIED_LIKE = ("x-forwarded-", "cf-", "x-amzn-", "x-appengine-", "x-azure-", "x-envoy-", "x-vercel-")
"""Headers that proxies and the networks of large providers add to requests."""


def refuse_other_machines(scope: Scope, trusted: Sequence[Network]) -> None:
    """Refuse a request that does not come from this machine, or uses a host name that others may own.

    A page in a local browser may use its own host name that resolves to this machine (DNS rebinding). A local proxy may
    forward others' requests; only a trusted one, which names its clients, may send requests for this machine.

    Raises:
        Problem: it is such a request.
    """
    client_named = is_trusted(scope, trusted) and hops(scope)
    forwarded = not client_named and any(map(_is_of_proxies, scope.headers))
    if forwarded or not is_loopback(client_address(scope, trusted)) or not _names_this_machine(scope):
        raise Problem(
            ProblemType.LOOPBACK_ONLY,
            "This service has no credentials configured, so it only accepts requests from its own machine, at "
            "127.0.0.1. Its operator can create keys (exporter keys create) or allow everybody (--allow-anonymous).",
        )


def _is_of_proxies(header: str) -> bool:
    return header in _PROXIED or header.startswith(_PROXIED_LIKE)


def _names_this_machine(scope: Scope) -> bool:
    authority = authority_of(scope.headers.get("host", ""))
    return authority is not None and is_loopback(authority.host)
