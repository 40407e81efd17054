"""What a caller sends to say who they are."""

import re
from base64 import b64decode

from exporter.access.tokens import PREFIX

_LONGEST = 16_384
"""Characters of a header; JWTs with many claims have a few thousand."""

_BEARER = re.compile(r"[A-Za-z0-9._~+/-]+=*")
"""RFC 6750, section 2.1."""


class Malformed(Exception):
    """The Authorization header holds no token."""


def token_of(authorization: str) -> str:
    """Return the token of an Authorization header: of Bearer, or the password of Basic, or its user name.

    Basic is what Excel, Power BI and `curl -u` can send. A user name beside the token may be any.

    Raises:
        Malformed: there is none.
    """
    if len(authorization) > _LONGEST:
        raise Malformed
    scheme, _, rest = authorization.strip().partition(" ")
    token = {"bearer": _bearer, "basic": _basic}.get(scheme.lower(), _unknown)(rest.strip())
    if not _BEARER.fullmatch(token):
        raise Malformed
    return token


def is_bearer(authorization: str) -> bool:
    """Return whether it is of the scheme Bearer, which no browser sends by itself, as it does Basic."""
    return authorization[:7].lower() == "bearer "


def is_key(token: str) -> bool:
    """Return whether the token is an API key's; otherwise it is a JWT."""
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
