"""Which requests a page made a browser send, and the page's origin (Fetch Metadata; RFC 6454).

No page can forge the headers used here. A request without them comes from a program, or from a browser that does not
send them: an old one, or any browser over plain HTTP to a name other than localhost.
"""

import re
from collections.abc import Collection

from velithon.datastructures import Scope

from exporter.http.authority import authority_of

_OURS = ("same-origin", "none")
"""Values of `Sec-Fetch-Site` for the service's own pages and for the browser's user. `same-site` is neither, because it
includes any port of this machine and any sibling of the service's host name."""

_URL = re.compile(r"(?P<origin>(?P<scheme>https?)://(?P<authority>[^/]+))(?:/.*)?")
_PORTS = {"http": 80, "https": 443}


def is_cross_site(scope: Scope, allowed: Collection[str]) -> bool:
    """Return whether a page made a browser send the request, with an origin neither the service's own nor `allowed`."""
    site, origin = scope.headers.get("sec-fetch-site"), scope.headers.get("origin")
    if allowed and _origin_of_page(scope, origin) in allowed:
        return False
    if site is not None:
        return site not in _OURS
    return origin is not None and not _is_own(origin, scope.headers.get("host", ""))


def follows_link(scope: Scope) -> bool:
    """Return whether a browser navigates to the URL, so that its user sees the response."""
    headers = scope.headers
    navigates = (headers.get("sec-fetch-mode"), headers.get("sec-fetch-dest")) == ("navigate", "document")
    return scope.method == "GET" and navigates


def _origin_of_page(scope: Scope, origin: str | None) -> str | None:
    # Links and images have no `Origin`; a page can withhold its `Referer`, but not forge it.
    page = _URL.fullmatch(scope.headers.get("referer", "")) if origin is None else None
    return page["origin"] if page else origin


def _is_own(origin: str, host: str) -> bool:
    """Return whether an origin is the requested host; the scheme may differ behind a proxy that does TLS."""
    page, asked = _URL.fullmatch(origin), authority_of(host)
    named = authority_of(page["authority"]) if page else None
    if page is None or named is None or asked is None:
        return False
    usual = _PORTS[page["scheme"]]
    return (named.host, named.port or usual) == (asked.host, asked.port or usual)
