"""Signed URLs: one export, on behalf of one key, until a given time.

docs/access.md documents the signed text, with an example for other programs.
"""

import hashlib
import hmac
import re
import time
from urllib.parse import quote

from exporter.access.key import Key
from exporter.http.query_string import Items

_VERSION = "exporter-url-1"
_MOMENT = re.compile("[1-9][0-9]{0,11}")


def signature(secret: str, key: Key, name: str, items: Items) -> str:
    """Return the signature, in hexadecimal, of `/datasets/{name}` and its query without `_signature`.

    It covers the token's digest, so that a new key with an old name does not revive the old key's URLs.
    """
    # Clients may reorder the names of a query or encode it differently.
    quoted = {quote(given, safe=""): values for given, values in sorted(items.items()) if given != "_signature"}
    query = "&".join(f"{name}={quote(value, safe='')}" for name, values in quoted.items() for value in values)
    text = f"{_VERSION}\n{key.sha256}\n{name}\n{query}"
    return hmac.new(secret.encode(), text.encode(), hashlib.sha256).hexdigest()


def matches(secret: str, key: Key, name: str, items: Items) -> bool:
    """Return whether a signature is correct, in constant time."""
    (given,) = items["_signature"]
    return hmac.compare_digest(signature(secret, key, name, items).encode(), given.encode())


def expired(moment: str) -> bool:
    """Return whether a time in Unix seconds has passed; an invalid time counts as passed."""
    return not _MOMENT.fullmatch(moment) or int(moment) <= time.time()
