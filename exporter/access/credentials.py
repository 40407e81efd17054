"""The credentials in the Authorization header."""

import re
from base64 import b64decode

from exporter.access.tokens import PREFIX

_LONGEST = 16_384
"""Characters of the header; JWTs with many claims have a few thousand."""

_BEARER = re.compile(r"[A-Za-z0-9._~+/-]+=*")
"""RFC 6750, section 2.1."""


class Malformed(Exception):
    """The Authorization header contains no token."""


def token_of(authorization: str) -> str:
    """Return the token of an Authorization header: Bearer's, or the password of Basic, or else its user name.

    Excel, Power BI and `curl -u` can send Basic. With the token as the password, any user name is accepted.

    Raises:
        Malformed: the header contains no token.
    """
    if len(authorization) > _LONGEST:
        raise Malformed
    scheme, _, rest = authorization.strip().partition(" ")
    token = {"bearer": _bearer, "basic": _basic}.get(scheme.lower(), _unknown)(rest.strip())
    if not _BEARER.fullmatch(token):
        raise Malformed
    return token


def is_bearer(authorization: str) -> bool:
    """Return whether the scheme is Bearer, which browsers, unlike Basic, never send automatically."""
    return authorization[:7].lower() == "bearer "


def is_key(token: str) -> bool:
    """Return whether the token belongs to an API key; otherwise it is a JWT."""
    return token.startswith(PREFIX)


def _bearer(rest: str) -> str:
    return rest


def _basic(rest: str) -> str:
    try:
        user, _, password = b64decode(rest, validate=True).decode().partition(":")
    except ValueError as error:
        raise Malformed from error
    return password or user


def _unknown(rest: str) -> str:
    raise Malformed
