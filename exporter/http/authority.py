"""The host and port that a request names in `Host`, or in HTTP/2's `:authority`, which servers turn into `Host`."""

import re
from typing import NamedTuple

_AUTHORITY = re.compile(
    r"(?:\[(?P<literal>[0-9A-Fa-f:.]+)\]|(?P<name>(?:[A-Za-z0-9._~!$&'()*+,;=-]|%[0-9A-Fa-f]{2})+))(?::(?P<port>\d{0,5}))?",
    re.ASCII,
)
"""RFC 3986, section 3.2, without the user information, which RFC 9110, section 4.2.4, does not allow."""

_LONGEST = 300
"""Characters; a DNS name has at most 253."""


class Authority(NamedTuple):
    """A host and a port."""

    host: str
    """In lower case; an IPv6 address without its brackets."""
    port: int | None
    """None means the scheme's default port."""


def authority_of(text: str) -> Authority | None:
    """Return the authority in a text; None if it is empty, several, has user information, or anything after it."""
    match = _AUTHORITY.fullmatch(text) if len(text) <= _LONGEST else None
    if match is None:
        return None
    return Authority((match["literal"] or match["name"]).lower(), int(match["port"]) if match["port"] else None)
