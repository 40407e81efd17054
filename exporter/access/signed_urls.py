"""Signed URLs: one export, on behalf of one key, until a moment.

The text that is signed is documented in docs/access.md, with an example for other programs.
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
    """Return the signature, in hexadecimal, of `/datasets/{name}` and all of its query but `_signature`.

    The token's digest is in it, so that a key made anew under an old name does not revive the old key's URLs.
    """
    # Clients may write a query anew, in another order of names or encoded otherwise.
    quoted = {quote(given, safe=""): values for given, values in sorted(items.items()) if given != "_signature"}
    query = "&".join(f"{name}={quote(value, safe='')}" for name, values in quoted.items() for value in values)
    text = f"{_VERSION}\n{key.sha256}\n{name}\n{query}"
    return hmac.new(secret.encode(), text.encode(), hashlib.sha256).hexdigest()


def matches(secret: str, key: Key, name: str, items: Items) -> bool:
    """Return whether a signature is the right one; how long it takes does not tell how much of it is."""
    (given,) = items["_signature"]
    return hmac.compare_digest(signature(secret, key, name, items).encode(), given.encode())


def expired(moment: str) -> bool:
    """Return whether a time in Unix seconds is over; what is none is over."""
    return not _MOMENT.fullmatch(moment) or int(moment) <= time.time()
