"""Which requests a page had a browser send, and of which origin it is (Fetch Metadata; RFC 6454).

No page can forge the headers that are looked at here. Whoever sends none of them is a program, or a browser that does
not tell: an old one, or any over plain HTTP at another name than this machine's own.
"""

import re
from collections.abc import Collection

from velithon.datastructures import Scope

from exporter.http.authority import authority_of

_OURS = ("same-origin", "none")
"""Of `Sec-Fetch-Site`: a page of the service's own, and the person in front of the browser. `same-site` is neither: any
port of this machine, and any name beside the service's own, is of its site."""

_URL = re.compile(r"(?P<origin>(?P<scheme>https?)://(?P<authority>[^/]+))(?:/.*)?")
_PORTS = {"http": 80, "https": 443}


def is_cross_site(scope: Scope, allowed: Collection[str]) -> bool:
    """Return whether a page had a browser send a request, and its origin is neither the service's own nor `allowed`."""
    site, origin = scope.headers.get("sec-fetch-site"), scope.headers.get("origin")
    if allowed and _origin_of_page(scope, origin) in allowed:
        return False
    if site is not None:
        return site not in _OURS
    return origin is not None and not _is_own(origin, scope.headers.get("host", ""))


def follows_link(scope: Scope) -> bool:
    """Return whether a browser goes to the request's address as a whole, where whoever sits in front of it sees it."""
    headers = scope.headers
    navigates = (headers.get("sec-fetch-mode"), headers.get("sec-fetch-dest")) == ("navigate", "document")
    return scope.method == "GET" and navigates


def _origin_of_page(scope: Scope, origin: str | None) -> str | None:
    # Links and images come without an `Origin`; a page can hold its address back, but not write another.
    page = _URL.fullmatch(scope.headers.get("referer", "")) if origin is None else None
    return page["origin"] if page else origin


def _is_own(origin: str, host: str) -> bool:
    """Return whether an origin is the host that was asked; the scheme is another behind a proxy that does TLS."""
    page, asked = _URL.fullmatch(origin), authority_of(host)
    named = authority_of(page["authority"]) if page else None
    if page is None or named is None or asked is None:
        return False
    usual = _PORTS[page["scheme"]]
    return (named.host, named.port or usual) == (asked.host, asked.port or usual)
