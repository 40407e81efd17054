"""What a URL of PostgreSQL must look like, so that a wrong one is refused at the start and not by every export."""

import re
from urllib.parse import SplitResult, parse_qsl, unquote, urlsplit

from pydantic import SecretStr

_HOST = re.compile(r"(\[[^\[\]]+\]|[^\[\]:@]+)(:(?P<port>[0-9]{0,5}))?")
_MOST = 65_535


def postgresql_url(url: SecretStr) -> SecretStr:
    """Return a URL of one host, several or none as it is.

    Raises:
        ValueError: the driver could make nothing of it; the message holds nothing of it.
    """
    try:
        parts = urlsplit(url.get_secret_value())
        query = dict(parse_qsl(parts.query, strict_parsing=True)) if parts.query else {}
        fits = parts.scheme in ("postgres", "postgresql") and _reachable(parts, query)
    except ValueError:  # its text may be of the URL
        fits = False
    if not fits:
        raise ValueError(
            "expected postgresql://USER:PASSWORD@HOST:PORT/DATABASE, each port a number of 1 to 65535, and what is "
            "special in a password percent-encoded, such as @ as %40"
        ) from None
    return url


def _reachable(parts: SplitResult, query: dict[str, str]) -> bool:
    """Return whether all hosts and ports can be ones; they are before the path, or in the query.

    Raises:
        ValueError: one cannot.
    """
    before = parts.netloc.partition("@")[2] if "@" in parts.netloc else parts.netloc
    hosts = [found for text in (before, query.get("host", "")) if text for found in text.split(",")]
    ports = [port for port in query.get("port", "").split(",") if port]
    return all(map(_is_host, hosts)) and all(map(_is_port, ports))


def _is_host(text: str) -> bool:
    if text.startswith("/"):  # the folder of a socket
        return True
    found = _HOST.fullmatch(text)
    if found is None:
        return False
    unquote(found[1]).encode("idna")  # as the resolver does, which raises for a name that is none
    return not found["port"] or _is_port(found["port"])


def _is_port(text: str) -> bool:
    return text.isascii() and text.isdigit() and 0 < int(text) <= _MOST
