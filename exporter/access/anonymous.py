"""Callers without credentials, where none are configured: this machine only, unless the operator says otherwise."""

from collections.abc import Sequence

from velithon.datastructures import Scope

from exporter.http.client_address import Network, client_address, hops, is_loopback, is_trusted
from exporter.http.problems import Problem, ProblemType

_PROXIED = ("forwarded", "x-forwarded-for", "x-real-ip")


def refuse_other_machines(scope: Scope, trusted: Sequence[Network]) -> None:
    """Refuse a caller who does not ask from this machine, or by a name that is not this machine's alone.

    A page in a browser here may ask under a name of its own that leads here (DNS rebinding), and a proxy here passes on
    what others ask: only a trusted one, which says whom it was asked by, may do so for this machine.

    Raises:
        Problem: it is such a caller.
    """
    told = is_trusted(scope, trusted) and hops(scope)
    passed_on = not told and any(name in scope.headers for name in _PROXIED)
    if passed_on or not is_loopback(client_address(scope, trusted)) or not is_loopback(scope.headers.get("host", "")):
        raise Problem(
            ProblemType.LOOPBACK_ONLY,
            "This service has no credentials configured, so it answers nobody but its own machine, at 127.0.0.1. "
            "Its operator can make keys (exporter keys create), or let everybody in (--allow-anonymous).",
        )
