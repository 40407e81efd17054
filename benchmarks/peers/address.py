"""PostgreSQL's address as Rust's drivers read it."""

from urllib.parse import parse_qs, quote, urlsplit


def with_host(url: str) -> str:
    """Return a URL whose host stands in its authority, a socket's folder percent-encoded; others are returned as is."""
    parts = urlsplit(url)
    query = parse_qs(parts.query)
    if parts.hostname or "host" not in query:
        return url
    account = parts.netloc.rpartition("@")[0]
    address = f"{quote(query['host'][0], safe='')}:{query.get('port', ['5432'])[0]}"
    return parts._replace(netloc=f"{account}@{address}", query="").geturl()
