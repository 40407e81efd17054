"""The security headers of every response, which tell browsers what they must not do with it."""

import base64
import hashlib
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from exporter.http.rsgi import Message, Send

RawHeaders = list[tuple[bytes, bytes]]

EXPOSED = (
    "Accept-Ranges",
    "Allow",
    "Content-Disposition",
    "Content-Encoding",
    "Export-Id",
    "Link",
    "RateLimit",
    "RateLimit-Policy",
    "Retry-After",
    "Vary",
    "WWW-Authenticate",
)
"""The service's headers that a page of another origin may read, in addition to those that every page may
(`exporter.http.cors`). Add new response headers here."""

_LOCKED = "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"

_ALWAYS = {
    b"content-security-policy": _LOCKED.encode(),
    b"cross-origin-opener-policy": b"same-origin",
    b"cross-origin-resource-policy": b"same-origin",
    b"referrer-policy": b"no-referrer",
    b"x-content-type-options": b"nosniff",
}
_OVER_TLS = {b"strict-transport-security": b"max-age=31536000"}


def policy_of_page(style: str) -> str:
    """Return a Content-Security-Policy for a page that may have this one style and nothing else (CSP 3, 6.7.3)."""
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    return f"{_LOCKED}; style-src 'sha256-{digest}'"


def adding(send: "Send", scope: Mapping[str, Any], more: Mapping[bytes, bytes]) -> "Send":
    """Return an ASGI `send` that adds these headers and `more` to the head of the response.

    Existing headers take precedence; only `Vary` is extended.
    """
    added = {**_ALWAYS, **(_OVER_TLS if scope.get("scheme") == "https" else {}), **more}

    async def sending(message: "Message") -> None:
        if message["type"] == "http.response.start":
            message["headers"] = _merged(message["headers"], added)
        await send(message)

    return sending


def _merged(headers: Iterable[tuple[bytes, bytes]], added: Mapping[bytes, bytes]) -> RawHeaders:
    merged, present = [], set()
    for name, value in headers:
        present.add(name)
        longer = name == b"vary" and name in added
        merged.append((name, b"%b, %b" % (value, added[name]) if longer else value))
    return merged + [(name, value) for name, value in added.items() if name not in present]
