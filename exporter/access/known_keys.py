"""The keys that a worker knows: those currently in the keys file."""

import hmac
import logging
from pathlib import Path

from exporter.access.key import Key
from exporter.access.keys_file import KeysFileError, read
from exporter.access.tokens import digest_of

log = logging.getLogger(__name__)

_State = tuple[int, int, int, int]


class KeysUnavailable(Exception):
    """The keys file cannot be used, so no key can be checked."""


class KnownKeys:
    """The keys of a file; after a change, every worker reads it again with the next request."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._state: _State | None = None
        """The state of the file when it was last read; None if it must be read again."""
        self._names: dict[str, str] = {}
        """Names of keys by the digests of their tokens."""
        self._keys: dict[str, Key] = {}
        self._problem: str | None = None

    def by_token(self, token: str) -> tuple[str, Key] | None:
        """Return the name and the key that a token belongs to.

        Raises:
            KeysUnavailable: the file cannot be used; the log says why.
        """
        self._refresh()
        digest = digest_of(token)
        # The time of the lookup reveals something about the digest, which reveals nothing about any token.
        name = self._names.get(digest)
        if name is None or not hmac.compare_digest(self._keys[name].sha256, digest):
            return None
        return name, self._keys[name]

    def by_name(self, name: str) -> Key | None:
        """Return the key with a name.

        Raises:
            KeysUnavailable: the file cannot be used; the log says why.
        """
        self._refresh()
        return self._keys.get(name)

    def problem(self) -> str | None:
        """Return what is wrong with the file, if anything."""
        try:
            self._refresh()
        except KeysUnavailable:
            return "the keys file cannot be used; the log says why"
        return None

    def _refresh(self) -> None:
        try:
            state = _state(self._path)
            if state != self._state:
                self._know(read(self._path))
                self._state = state
                self._became(None)
        except KeysFileError as error:
            self._know({})
            self._state = state
            self._became(str(error))
        except OSError as error:
            self._know({})
            self._state = None  # it may become readable again without a change
            self._became(str(error))
        if self._problem is not None:
            raise KeysUnavailable

    def _know(self, keys: dict[str, Key]) -> None:
        self._keys = keys
        self._names = {key.sha256: name for name, key in keys.items()}

    def _became(self, problem: str | None) -> None:
        if problem is not None and problem != self._problem:
            log.error("every API key is rejected", extra={"fields": {"reason": problem}})
        if problem is None and self._problem is not None:
            log.info("API keys are accepted again")
        self._problem = problem


def _state(path: Path) -> _State:
    """Return what distinguishes one version of a file from another; its ctime also changes with its mode."""
    found = path.stat()
    return found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns
