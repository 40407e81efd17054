"""The settings of access control."""

from pathlib import Path
from typing import Annotated, Literal, Self
from urllib.parse import urlsplit

from pydantic import AfterValidator, Field, IPvAnyNetwork, SecretStr, ValidationError, model_validator
from pydantic_core import ErrorDetails
from pydantic_settings import BaseSettings, SettingsConfigDict

from exporter.http.client_address import is_loopback
from exporter.settings.lists import Listed

_URL_KEY_BYTES = 32
"""The size of the MAC: a shorter key would be easier to guess than the MAC."""

Algorithm = Literal[
    "RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA", "Ed25519",
    "HS256", "HS384", "HS512",
]  # fmt: skip


def _long(key: SecretStr) -> SecretStr:
    if len(key.get_secret_value().encode()) < _URL_KEY_BYTES:
        raise ValueError(f"must have at least {_URL_KEY_BYTES} bytes; `openssl rand -base64 32` creates one")
    return key


def _safe(location: str) -> str:
    url = urlsplit(location)
    if url.scheme == "https" or (url.scheme == "http" and is_loopback(url.hostname or "")) or "://" not in location:
        return location
    raise ValueError("expected the path of a file or an https:// URL")


class AccessSettings(BaseSettings):
    """The settings of access control, which the commands about keys need too."""

    model_config = SettingsConfigDict(env_prefix="EXPORTER_", frozen=True, hide_input_in_errors=True)

    keys: Path | None = Field(default=None, description="The file of API keys, which `exporter keys` writes.")
    url_key: Annotated[SecretStr, AfterValidator(_long)] | None = Field(
        default=None, description="The secret that signs URLs, at least 32 bytes; without it, signed URLs are refused."
    )
    jwt_keys: Annotated[str, AfterValidator(_safe)] | None = Field(
        default=None, description="The JWKS that verifies JWTs: a path or an `https://` URL."
    )
    jwt_algorithms: Annotated[tuple[Algorithm, ...], *Listed] = Field(
        default=(), description="The signature algorithms accepted for JWTs, separated by commas."
    )
    jwt_issuer: str | None = Field(default=None, min_length=1, description="The required `iss` of a JWT.")
    jwt_audience: str | None = Field(default=None, min_length=1, description="The required `aud` of a JWT.")
    jwt_name_claim: str = Field(default="sub", min_length=1, description="The claim that names the caller.")
    jwt_role_claim: str = Field(
        default="role", min_length=1, description="The claim that names the database role to read as."
    )
    jwt_datasets_claim: str = Field(
        default="datasets", min_length=1, description="The claim that lists the dataset patterns."
    )
    allow_anonymous: bool = Field(
        default=False,
        description="Let everybody read everything, also from other machines; cannot be combined with keys or JWTs.",
    )
    trusted_proxies: Annotated[tuple[IPvAnyNetwork, ...], *Listed] = Field(
        default=(),
        description="Networks of the proxies whose `X-Forwarded-For` is trusted, separated by commas. All "
        "addresses (`0.0.0.0/0`) are refused where nobody needs credentials.",
    )

    @property
    def closed(self) -> bool:
        """Whether callers need credentials."""
        return self.keys is not None or self.jwt_keys is not None

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        jwt = (self.jwt_keys, self.jwt_algorithms, self.jwt_issuer, self.jwt_audience)
        if any(jwt) and not all(jwt):
            raise ValueError(
                "set EXPORTER_JWT_KEYS, EXPORTER_JWT_ALGORITHMS, EXPORTER_JWT_ISSUER and EXPORTER_JWT_AUDIENCE together"
            )
        if self.allow_anonymous and self.closed:
            raise ValueError(
                "EXPORTER_ALLOW_ANONYMOUS cannot be combined with EXPORTER_KEYS or EXPORTER_JWT_KEYS: unset one of them"
            )
        everybody = any(network.prefixlen == 0 for network in self.trusted_proxies)
        if everybody and not (self.closed or self.allow_anonymous):
            raise ValueError(
                "EXPORTER_TRUSTED_PROXIES: with a network of all addresses, anybody could pretend to be this machine "
                "and need no credentials: name the proxies, or set EXPORTER_KEYS or EXPORTER_JWT_KEYS"
            )
        if self.url_key and not self.keys:
            raise ValueError("EXPORTER_URL_KEY requires EXPORTER_KEYS: a URL is signed on behalf of one of its keys")
        return self


_SENTENCES = {
    "missing": "set it",
    "bool_parsing": "expected on or off",
    "int_parsing": "expected a whole number",
    "float_parsing": "expected a number",
    "finite_number": "expected a finite number",
    "greater_than": "expected more than {gt:,.10g}",
    "greater_than_equal": "expected {ge:,.10g} or more",
    "less_than_equal": "expected at most {le:,.10g}",
    "literal_error": "expected {expected}",
    "string_too_short": "must not be blank",
    "ip_any_network": "expected networks such as 10.0.0.0/8 or ::1",
}
"""By pydantic's error types, whose own messages are about Python."""

_OPTIONS = {"database_url": ", or use --database-url", "datasets": ", or use --datasets"}


def faults(error: ValidationError) -> list[str]:
    """Return what is wrong with each setting, by the name of its variable; values are left out, they may be secrets."""
    return [f"{_variable(fault['loc'])}{_sentence(fault)}" for fault in error.errors()]


def _sentence(fault: ErrorDetails) -> str:
    kind = fault["type"]
    option = _OPTIONS.get(str(fault["loc"][0]), "") if kind == "missing" else ""
    if kind in _SENTENCES:
        return _SENTENCES[kind].format_map(fault.get("ctx", {})) + option
    return fault["msg"].removeprefix("Value error, ")


def _variable(place: tuple[int | str, ...]) -> str:
    return f"EXPORTER_{str(place[0]).upper()}: " if place else ""
