"""JSON Web Tokens (RFC 7519): verified as RFC 8725 advises, and mapped to principals."""

import json
from base64 import urlsafe_b64decode
from typing import Any

from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import Key
from joserfc.jws import JWSRegistry
from joserfc.jwt import JWTClaimsRegistry

from exporter.access.jwks import Jwks
from exporter.access.key import pattern
from exporter.access.principal import Principal, is_pattern
from exporter.settings.access import AccessSettings
from queries.acting import is_role

_LEEWAY_SECONDS = 60
_LONGEST_NAME = 200
_MOST_NAMES = 1_000
_MOST_PATTERNS = 50
"""Per token: each pattern is compared with the name of each dataset, and takes 60 µs when it is new."""


class JwtRefused(Exception):
    """The token is not trusted. The message is for the log: it says why and quotes nothing of the token."""


class _Registry(JWSRegistry):
    max_header_length = 4096  # the header may have certificate thumbprints and the like


class Jwts:
    """Turns the JWTs of one issuer into principals."""

    def __init__(self, settings: AccessSettings, jwks: Jwks) -> None:
        self._settings = settings
        self._jwks = jwks
        # Unknown header parameters must be ignored (RFC 7515, section 4), except `crit`.
        self._registry = _Registry(algorithms=settings.jwt_algorithms, strict_check_header=False)

    async def principal(self, token: str) -> Principal:
        """Return the principal of a token.

        Raises:
            JwtRefused: the token is not trusted.
            JwksUnavailable: there are no keys to verify it with.
        """
        header = _header(token)
        algorithm, kid = header.get("alg"), header.get("kid")
        if algorithm not in self._settings.jwt_algorithms:
            raise JwtRefused("algorithm not allowed")
        if "crit" in header or "b64" in header:
            raise JwtRefused("unknown extension")
        return self._principal(self._claims(token, _only(await self._jwks.keys(kid), algorithm)))

    def _claims(self, token: str, key: Key) -> dict[str, Any]:
        registry = JWTClaimsRegistry(
            leeway=_LEEWAY_SECONDS,
            iss={"essential": True, "value": self._settings.jwt_issuer or ""},
            aud={"essential": True, "value": self._settings.jwt_audience or ""},
            exp={"essential": True},
        )
        try:
            claims = jwt.decode(token, key, registry=self._registry).claims
            registry.validate(claims)
        except (JoseError, ValueError, TypeError, RecursionError) as error:
            raise JwtRefused(f"{type(error).__name__} {getattr(error, 'claim', '')}".strip()) from error
        return claims

    def _principal(self, claims: dict[str, Any]) -> Principal:
        name = claims.get(self._settings.jwt_name_claim)
        if not isinstance(name, str) or not name.isprintable() or not 0 < len(name) <= _LONGEST_NAME:
            raise JwtRefused("invalid name")
        role = claims.get(self._settings.jwt_role_claim)
        if role is not None and not (isinstance(role, str) and is_role(role)):
            raise JwtRefused("invalid role")
        return Principal(name, _datasets(claims.get(self._settings.jwt_datasets_claim, ())), role, claims)


def _header(token: str) -> dict[str, Any]:
    # The header names the key, so it is read before anything is verified, and therefore with limits.
    segments = token.split(".")
    if len(segments) != 3 or not all(segments) or len(segments[0]) > _Registry.max_header_length:  # noqa: PLR2004 - RFC 7515
        raise JwtRefused("not a JWS with a payload")
    try:
        header = json.loads(urlsafe_b64decode(segments[0] + "=" * (-len(segments[0]) % 4)))
    except (ValueError, RecursionError) as error:
        raise JwtRefused("header is not JSON") from error
    if not isinstance(header, dict):
        raise JwtRefused("header is not an object")
    return header


def _only(keys: list[Key], algorithm: str) -> Key:
    """Return the one key for the algorithm; an RSA key is never taken for the secret of an HMAC."""
    kinds = {"HS": "oct", "RS": "RSA", "PS": "RSA", "ES": "EC", "Ed": "OKP"}
    fitting = [key for key in keys if key.key_type == kinds[algorithm[:2]] and key.get("alg", algorithm) == algorithm]
    if len(fitting) != 1:
        raise JwtRefused("no key, or more than one, matches")
    return fitting[0]


def _datasets(claim: object) -> tuple[str, ...]:
    listed = claim.split() if isinstance(claim, str) else claim
    if not isinstance(listed, list | tuple) or not all(isinstance(name, str) for name in listed):
        raise JwtRefused("datasets are not a list")
    if len(listed) > _MOST_NAMES or sum(map(is_pattern, listed)) > _MOST_PATTERNS:
        raise JwtRefused("too many datasets")
    try:
        return tuple(pattern(name) for name in listed)
    except ValueError as error:
        raise JwtRefused("invalid dataset patterns") from error
