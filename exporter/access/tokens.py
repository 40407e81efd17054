"""Tokens of API keys: created and shown once, and stored only as digests."""

import hashlib
import secrets

PREFIX = "vexp_"
"""Lets people and secret scanners recognize a token; 43 characters of base64url follow."""

_BYTES = 32
"""256 bits cannot be guessed, so the digest needs no salt and no stretching."""


def new_token() -> str:
    """Return a new random token."""
    return PREFIX + secrets.token_urlsafe(_BYTES)


def digest_of(token: str) -> str:
    """Return the SHA-256 of a token in hexadecimal."""
    return hashlib.sha256(token.encode()).hexdigest()
