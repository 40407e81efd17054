"""Tokens of API keys: made once, shown once, and known afterwards by their digest."""

import hashlib
import secrets

PREFIX = "vexp_"
"""By which people and secret scanners recognise a token; 43 characters of base64url follow."""

_BYTES = 32
"""Nobody guesses 256 bits, so a digest needs no salt and no stretching."""


def new_token() -> str:
    """Return a token that nobody has had before."""
    return PREFIX + secrets.token_urlsafe(_BYTES)


def digest_of(token: str) -> str:
    """Return the SHA-256 of a token in hexadecimal."""
    return hashlib.sha256(token.encode()).hexdigest()
