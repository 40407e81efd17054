"""Authentication: from a request to its principal."""

import logging
from collections.abc import Collection
from typing import NoReturn

from velithon.requests import Request

from exporter.access import signed_urls
from exporter.access.anonymous import refuse_other_machines
from exporter.access.credentials import Malformed, is_bearer, is_key, token_of
from exporter.access.cross_site import refuse_cross_site
from exporter.access.jwks import Jwks, JwksUnavailable
from exporter.access.jwts import JwtRefused, Jwts
from exporter.access.known_keys import KeysUnavailable, KnownKeys
from exporter.access.principal import ANONYMOUS, Principal
from exporter.access.slowdown import Slowdown
from exporter.access.unauthenticated import Unauthenticated
from exporter.http import query_string
from exporter.http.client_address import client_address
from exporter.http.disconnection import unless_disconnected
from exporter.http.query_string import Items
from exporter.http.visit import visit_of
from exporter.problems import SHORTLY, Problem, ProblemType
from exporter.settings.access import AccessSettings
from queries.dataset import Dataset

_DATASETS = "/datasets/"

log = logging.getLogger(__name__)


class _Refused(Exception):
    """The credentials are wrong. The message is for the log: it says why and quotes no credentials."""


class Access:
    """Authenticates callers: by API key, JWT or signed URL, or as anonymous."""

    def __init__(
        self,
        settings: AccessSettings,
        slowdown: Slowdown | None = None,
        *,
        origins: Collection[str] = (),
        formats: Collection[str] = (),
    ) -> None:
        """Take the settings, the delay of failed attempts, the origins that may send requests, and the formats."""
        self._settings = settings
        self._origins = origins
        self._formats = formats
        self._keys = KnownKeys(settings.keys) if settings.keys else None
        self._jwks = Jwks(settings.jwt_keys) if settings.jwt_keys else None
        self._jwts = Jwts(settings, self._jwks) if self._jwks else None
        self._slowdown = slowdown or Slowdown()

    async def principal(self, request: Request) -> Principal:
        """Return the caller's principal.

        Raises:
            Problem: the credentials are missing, wrong or revoked, too many attempts failed, or they cannot be checked
                now; or a page of another origin sent the request, without a token of its own.
            Disconnected: the client disconnected first.
        """
        address = client_address(request.scope, self._settings.trusted_proxies)
        try:
            return await self._known(request, address)
        except (KeysUnavailable, JwksUnavailable) as error:
            raise Problem(ProblemType.CREDENTIALS_UNAVAILABLE, "Try again shortly.", retry_after=SHORTLY) from error

    async def may_read(self, principal: Principal, dataset: Dataset) -> bool:
        """Return whether a principal may see and export a dataset."""
        return principal.may_read(dataset.name)

    def refuse_export(self, request: Request) -> None:
        """Refuse requests that follow a link on a page of another origin, if no credentials are configured.

        For requests that cost something, such as exports, unlike pages.

        Raises:
            Problem: it is such a request.
        """
        if not self._settings.closed:
            refuse_cross_site(request.scope, self._origins, links=False)

    async def problems(self) -> list[str]:
        """Return what prevents authentication, in words that reveal nothing about the service's machine."""
        found = [checked.problem() for checked in (self._keys, self._jwks) if checked is not None]
        return [problem for problem in found if problem is not None]

    async def _known(self, request: Request, address: str) -> Principal:
        if query_string.may_be_signed(request.scope.query_string):
            items = query_string.parse(request.scope.query_string)
            if any(name in items for name in query_string.SIGNATURE):
                return await self._signed(request, items, address)
        if not self._settings.closed:
            if not self._settings.allow_anonymous:
                refuse_other_machines(request.scope, self._settings.trusted_proxies)
            refuse_cross_site(request.scope, self._origins, links=True)
            return ANONYMOUS
        authorization = request.scope.headers.get("authorization")
        if authorization is None:
            raise Unauthenticated(given=False)
        if not is_bearer(authorization):
            refuse_cross_site(request.scope, self._origins, links=True)
        try:
            return await self._bearer(token_of(authorization))
        except (Malformed, _Refused, JwtRefused) as error:
            await self._slow(request, address, error)
            raise Unauthenticated(given=True) from error

    async def _bearer(self, token: str) -> Principal:
        if self._keys is not None and is_key(token):
            found = self._keys.by_token(token)
            if found is None:
                raise _Refused("unknown key")
            name, key = found
            if key.expired():
                raise _Refused(f"key {name} has expired")
            return key.principal(name)
        if self._jwts is not None:
            return await self._jwts.principal(token)
        raise _Refused("not an API key")

    async def _signed(self, request: Request, items: Items, address: str) -> Principal:
        try:
            return self._signer(request, items)
        except _Refused as error:
            await self._slow(request, address, error)
            _refuse_url("The signature is missing, wrong or not for this request. Ask the sender of the URL.", error)

    def _signer(self, request: Request, items: Items) -> Principal:
        """Return the principal of the key that the URL was signed for."""
        secret, path = self._settings.url_key, request.scope.path
        if secret is None or self._keys is None:
            raise _Refused("signed URLs are not enabled")
        # Without a format, Accept would choose one that nobody has signed.
        is_export = path.startswith(_DATASETS) and path.rpartition(".")[2] in self._formats
        if request.method not in ("GET", "HEAD") or not is_export:
            raise _Refused("not the URL of an export")
        if any(len(items.get(name, ())) != 1 for name in query_string.SIGNATURE):
            raise _Refused("incomplete signature")
        ((name,), (moment,)) = items["_key"], items["_expires"]
        key = self._keys.by_name(name)
        if key is None or not signed_urls.matches(secret.get_secret_value(), key, path.removeprefix(_DATASETS), items):
            raise _Refused("wrong signature")
        if signed_urls.expired(moment):
            # Not a guess, so it is not slowed down: the URL was valid once.
            visit_of(request.scope).reason = "the URL has expired"
            _refuse_url("The URL has expired. Ask its sender for a new one.")
        if key.expired():
            raise _Refused(f"key {name} has expired")
        return key.principal(name)

    async def _slow(self, request: Request, address: str, error: Exception) -> None:
        reason = visit_of(request.scope).reason = str(error) or "malformed"
        log.info("credentials refused", extra={"fields": {"address": address, "reason": reason}})
        await unless_disconnected(request.protocol, self._slowdown.failed(address))


def _refuse_url(detail: str, error: Exception | None = None) -> NoReturn:
    raise Problem(ProblemType.SIGNED_URL_REFUSED, detail) from error
