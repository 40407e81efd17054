"""What a request was sent to: the host and port in `Host`, or in HTTP/2's `:authority`, which servers turn into it."""

import re
from typing import NamedTuple

_AUTHORITY = re.compile(
    r"(?:\[(?P<literal>[0-9A-Fa-f:.]+)\]|(?P<name>(?:[A-Za-z0-9._~!$&'()*+,;=-]|%[0-9A-Fa-f]{2})+))(?::(?P<port>\d{0,5}))?",
    re.ASCII,
)
"""RFC 3986, section 3.2, without the user information, which RFC 9110, section 4.2.4, has no place for."""

_LONGEST = 300
"""Characters; a name of the DNS has 253 at most."""


class Authority(NamedTuple):
    """A host and a port."""

    host: str
    """In small letters; an IPv6 address without its brackets."""
    port: int | None
    """None where none is given, which means the scheme's own."""


def authority_of(text: str) -> Authority | None:
    """Return what a text names, None for everything else: nothing, several, with user information, with more behind."""
    match = _AUTHORITY.fullmatch(text) if len(text) <= _LONGEST else None
    if match is None:
        return None
    return Authority((match["literal"] or match["name"]).lower(), int(match["port"]) if match["port"] else None)
