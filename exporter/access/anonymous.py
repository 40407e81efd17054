"""Callers without credentials, where none are configured: this machine only, unless the operator says otherwise."""

from velithon.datastructures import Scope

from exporter.client_address import is_loopback
from exporter.problems import Problem, ProblemType

_PROXIED = ("forwarded", "x-forwarded-for", "x-real-ip")


def refuse_other_machines(scope: Scope, address: str, *, proxies: bool) -> None:
    """Refuse a caller who does not ask from this machine, or by a name that is not this machine's alone.

    A page in a browser here may ask under a name of its own that leads here (DNS rebinding), and a proxy here passes on
    what others ask; `proxies` says whether `address` is already whom the trusted ones were asked by.

    Raises:
        Problem: it is such a caller.
    """
    passed_on = not proxies and any(name in scope.headers for name in _PROXIED)
    if passed_on or not is_loopback(address) or not is_loopback(scope.headers.get("host", "")):
        raise Problem(
            ProblemType.LOOPBACK_ONLY,
            "This service has no credentials configured, so it answers nobody but its own machine, at 127.0.0.1. "
            "Its operator can make keys (exporter keys create), or let everybody in (--allow-anonymous).",
        )
