"""The keys that verify JWTs: a JWKS (RFC 7517) in a file or at a URL."""

import asyncio
import json
import logging
import os
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import IO, Any
from urllib.parse import urlsplit
from urllib.request import HTTPRedirectHandler, Request, build_opener

from joserfc.errors import JoseError
from joserfc.jwk import JWKRegistry, Key, OctKey

from exporter.private_file import CHANGEABLE, exposure, wrong_mode

log = logging.getLogger(__name__)

_FRESH_SECONDS = 600
_AGAIN_SECONDS = 60
"""The minimum time between two attempts to find an unknown key."""
_FIRST_AGAIN_SECONDS = 5
"""The same while there are no keys at all."""
_TIMEOUT_SECONDS = 5
_MOST_BYTES = 1 << 20
_OCT_BITS = 256
"""The minimum for HS256 (RFC 7518, section 3.2)."""
_LEFT_OUT = "a key of the JWKS was skipped"


class JwksUnavailable(Exception):
    """No keys have been loaded so far, so no JWT can be checked."""


class Jwks:
    """Keys that are read off the event loop, once for all waiting callers, and kept if reading them again fails."""

    def __init__(self, location: str, clock: Callable[[], float] = time.monotonic) -> None:
        self._location = location
        self._shown = urlsplit(location).hostname or location
        self._clock = clock
        self._keys: Sequence[Key] = ()
        self._read_at = float("-inf")
        self._tried_at = float("-inf")
        self._reading: asyncio.Task[None] | None = None

    async def keys(self, kid: str | None) -> list[Key]:
        """Return the keys with an id, or all keys if the JWT names none; read them again for an unknown id.

        Raises:
            JwksUnavailable: no keys have been loaded so far.
        """
        if not self._keys:
            await self._attempt(_FIRST_AGAIN_SECONDS)
        elif self._clock() - self._read_at > _FRESH_SECONDS:
            self.refresh()
        if not self._keys:
            raise JwksUnavailable
        if not self._named(kid):
            await self._attempt(_AGAIN_SECONDS)
        return self._named(kid)

    def problem(self) -> str | None:
        """Return what is wrong, if anything, and start another attempt."""
        if self._keys:
            return None
        self.refresh(_FIRST_AGAIN_SECONDS)
        return "the JWKS cannot be loaded; the log says why"

    def refresh(self, after: float = _AGAIN_SECONDS) -> None:
        """Start to read the keys, unless the last attempt was less than `after` seconds ago."""
        if self._reading is None and self._clock() - self._tried_at >= after:
            self._tried_at = self._clock()
            self._reading = asyncio.create_task(self._read())

    async def _attempt(self, after: float) -> None:
        self.refresh(after)
        if self._reading is not None:
            await asyncio.shield(self._reading)

    def _named(self, kid: str | None) -> list[Key]:
        return [key for key in self._keys if kid is None or key.kid == kid]

    async def _read(self) -> None:
        try:
            async with asyncio.timeout(2 * _TIMEOUT_SECONDS):
                self._keys = await asyncio.to_thread(read, self._location)
            self._read_at = self._clock()
        except Exception as error:  # noqa: BLE001 - whatever it is, the previous keys are still valid
            outlook = f"the {len(self._keys)} previous keys stay in use" if self._keys else "every JWT is rejected"
            fields = {"source": self._shown, "outlook": outlook, "reason": repr(error)}
            log.error("the JWKS cannot be read", extra={"fields": fields})  # noqa: TRY400 - not a defect
        finally:
            self._reading = None


def read(location: str) -> list[Key]:
    """Return the usable keys of a JWKS, in order.

    Raises:
        ValueError: it is not a JWKS, has no usable key, or is a file that users other than its owner may change (or
            read, if it has secret keys).
        OSError: it cannot be read, or its server answers with a redirect or an error.
    """
    text, private = _fetched(location) if "://" in location else _stored(Path(location))
    document = json.loads(text)
    listed = document.get("keys") if isinstance(document, dict) else None
    keys = [key for entry in listed if (key := _imported(entry))] if isinstance(listed, list) else []
    if not keys:
        raise ValueError("expected a JWKS with at least one usable key")
    if not private and any(isinstance(key, OctKey) for key in keys):
        raise ValueError("it holds a secret: keep it in a file that only its owner can read (chmod 600)")
    return keys


def _stored(path: Path) -> tuple[bytes, bool]:
    """Return a file's content, and whether only its owner may read it.

    Raises:
        ValueError: others may change it, and so could impersonate anybody.
    """
    with path.open("rb") as stream:
        status = os.fstat(stream.fileno())
        if wrong := exposure(path, status, CHANGEABLE):
            raise ValueError(wrong)
        return _bounded(stream), wrong_mode(path, status) is None


def _fetched(url: str) -> tuple[bytes, bool]:
    request = Request(url, headers={"accept": "application/jwk-set+json, application/json"})  # noqa: S310 - see settings
    with build_opener(_NoRedirects).open(request, timeout=_TIMEOUT_SECONDS) as response:
        return _bounded(response), False


def _bounded(stream: IO[bytes]) -> bytes:
    text = stream.read(_MOST_BYTES + 1)
    if len(text) > _MOST_BYTES:
        raise ValueError(f"it is larger than {_MOST_BYTES} bytes")
    return text


class _NoRedirects(HTTPRedirectHandler):
    """Follows no redirects, which could lead away from https."""

    def redirect_request(self, *arguments: Any, **how: Any) -> None:
        """Refuse, which makes the response an error."""


def _imported(entry: dict[str, Any]) -> Key | None:
    """Return a key, or None if it is not for signatures, is too short, or of an unknown kind."""
    try:
        key = JWKRegistry.import_key(entry)
    except (JoseError, ValueError, TypeError, KeyError, AttributeError) as error:
        log.warning(_LEFT_OUT, extra={"fields": {"reason": type(error).__name__}})
        return None
    if isinstance(key, OctKey) and 8 * len(key.raw_value) < _OCT_BITS:
        log.warning(_LEFT_OUT, extra={"fields": {"reason": f"HMAC needs {_OCT_BITS} bits"}})
        return None
    return key if key.get("use", "sig") == "sig" else None
