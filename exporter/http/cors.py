"""Which pages of other origins may read a response (the Fetch standard's CORS protocol)."""

import re
from collections.abc import Collection, Mapping
from typing import Any

from exporter.http.headers import EXPOSED

ANY = "*"

_ORIGIN = re.compile(r"https?://(?:[a-z0-9.-]+|\[[0-9a-f:]+\])(?::[0-9]{1,5})?")

_PREFLIGHT = {
    b"access-control-allow-methods": b"GET, HEAD",
    # `Accept` needs no permission. `tracestate` is ignored, but pages that trace send it along with `traceparent`.
    b"access-control-allow-headers": b"Authorization, traceparent, tracestate",
    b"access-control-max-age": b"3600",
}


def checked(origins: tuple[str, ...]) -> tuple[str, ...]:
    """Return valid origins unchanged: as browsers write them, or `*` alone.

    Raises:
        ValueError: one of them is something else.
    """
    wrong = sorted(origin for origin in origins if origin != ANY and not _ORIGIN.fullmatch(origin))
    if wrong:
        raise ValueError(f"expected origins such as https://reports.example.com, without a path: {', '.join(wrong)}")
    if ANY in origins and len(origins) > 1:
        raise ValueError("* means every origin: remove the others")
    return origins


class Cors:
    """The permissions for pages of some origins; none by default."""

    def __init__(self, origins: Collection[str] = ()) -> None:
        """Take the origins. Named origins may also send the browser's credentials; `*` never allows that."""
        self._origins = origins

    def headers(self, scope: Mapping[str, Any]) -> dict[bytes, bytes]:
        """Return the CORS headers of the response to a request."""
        if not self._origins:
            return {}
        if ANY in self._origins:
            return {b"access-control-allow-origin": b"*", **_exposed()}
        # A cache must not reuse one origin's permission, or the lack of it, for another origin.
        vary = {b"vary": b"Origin"}
        origin = _header(scope, b"origin")
        if origin.decode("latin-1") not in self._origins:
            return vary
        return vary | {
            b"access-control-allow-origin": origin,
            b"access-control-allow-credentials": b"true",
            **_exposed(),
        }

    def preflight(self, scope: Mapping[str, Any]) -> dict[bytes, bytes] | None:
        """Return the response headers to a preflight request; None if it is not one or not permitted."""
        asked = scope["method"] == "OPTIONS" and _header(scope, b"access-control-request-method")
        return _PREFLIGHT if asked and b"access-control-allow-origin" in self.headers(scope) else None


def _exposed() -> dict[bytes, bytes]:
    return {b"access-control-expose-headers": ", ".join(EXPOSED).encode()}


def _header(scope: Mapping[str, Any], wanted: bytes) -> bytes:
    return next((value for name, value in scope["headers"] if name.lower() == wanted), b"")
