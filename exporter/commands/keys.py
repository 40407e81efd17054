"""`exporter keys` and `exporter sign`: API keys and signed URLs."""

import os
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated
from urllib.parse import urlencode, urlsplit, urlunsplit

from cyclopts import App, Parameter
from pydantic import ValidationError

from exporter.access.key import Key, checked_name, duration, pattern
from exporter.access.keys_file import KeysFileError, changing, read
from exporter.access.signed_urls import signature
from exporter.access.tokens import digest_of, new_token
from exporter.commands.output import fail, reason
from exporter.http import query_string
from exporter.problems import Problem
from exporter.settings.access import AccessSettings, faults
from exporter.settings.settings import misnamed
from queries.acting import is_role

keys = App(name="keys", help="Create, list and revoke API keys. A running service applies changes at once.")

KeysFile = Annotated[Path | None, Parameter(name="--keys", help="The keys file [EXPORTER_KEYS].")]


@keys.command
def create(
    name: Annotated[str, Parameter(help="The key's name, shown in logs: letters, digits and . _ @ -.")],
    /,
    *,
    datasets: Annotated[
        list[str], Parameter(help="A dataset, or pattern, that the key may read; may be repeated.", negative="")
    ],
    role: Annotated[str | None, Parameter(help="The database role to read as; by default, the service's own.")] = None,
    expires: Annotated[str, Parameter(help="How long the key is valid: 30m, 12h, 90d, 52w, or never.")] = "90d",
    metrics: Annotated[bool, Parameter(help="Let the key read /metrics.", negative="")] = False,
    keys_file: KeysFile = None,
) -> None:
    """Create a key and print its token, which is shown only once: the keys file stores its SHA-256."""
    token, now = new_token(), datetime.now(UTC).replace(microsecond=0)
    with _errors_reported(keys_file), changing(_path(keys_file)) as known:
        if checked_name(name) in known:
            raise ValueError(f"the key {name} already exists; revoke it first")
        if role is not None and not is_role(role):
            raise ValueError(f"{role!r} is not a valid role name")
        until = None if expires == "never" else now + duration(expires)
        patterns = tuple(pattern(text) for text in datasets)
        known[name] = Key(
            sha256=digest_of(token), datasets=patterns, role=role, created=now, expires=until, metrics=metrics
        )
    print("exporter: the token is shown only once; store it safely", file=sys.stderr)  # noqa: T201 - the command's output
    print(token)  # noqa: T201 - the command's output


@keys.command(name="list")
def list_(*, keys_file: KeysFile = None) -> None:
    """List the keys: name, state, expiry, role, datasets. The output has no secrets."""
    with _errors_reported(keys_file):
        known = read(_path(keys_file), to_manage=True)
        print("NAME\tSTATE\tEXPIRES\tROLE\tDATASETS")  # noqa: T201 - the command's output
        for name, key in known.items():
            state = "expired" if key.expired() else "active"
            until = f"{key.expires:%Y-%m-%dT%H:%MZ}" if key.expires else "never"
            metrics = " +metrics" if key.metrics else ""
            print(f"{name}\t{state}\t{until}\t{key.role or '-'}\t{' '.join(key.datasets)}{metrics}")  # noqa: T201 - the command's output


@keys.command
def revoke(name: Annotated[str, Parameter(help="The key to remove.")], /, *, keys_file: KeysFile = None) -> None:
    """Remove a key. Exports that it has started go on to the end."""
    with _errors_reported(keys_file), changing(_path(keys_file)) as known:
        if known.pop(name, None) is None:
            raise ValueError(f"the key {name} does not exist")


def sign(
    url: Annotated[str, Parameter(help="Such as https://exporter.example/datasets/orders.csv?since=2024-01-01.")],
    /,
    *,
    key: Annotated[str, Parameter(help="The name of the key on whose behalf the URL reads.")],
    expires: Annotated[str, Parameter(help="How long the URL is valid, such as 30m, 1h, 7d.")],
    keys_file: KeysFile = None,
) -> None:
    """Sign the URL of one export, for a client that cannot send headers; EXPORTER_URL_KEY must be set."""
    with _errors_reported(keys_file):
        print(_signed(url, key, expires, keys_file))  # noqa: T201 - the command's output


def _signed(url: str, name: str, expires: str, keys_file: Path | None) -> str:
    from formats import registry

    settings = _settings(keys_file)
    secret, parts = settings.url_key, urlsplit(url)
    if secret is None:
        raise ValueError("EXPORTER_URL_KEY is not set")
    key = read(_path(settings.keys), to_manage=True).get(name)
    if key is None or key.expired():
        raise ValueError(f"the key {name} does not exist or has expired")
    _, found, export = parts.path.rpartition("/datasets/")
    dataset, _, extension = export.rpartition(".")
    formats = registry.load()
    if not found or "/" in export or not dataset or extension not in formats:
        raise ValueError(
            f"expected the URL of an export, which ends in {', '.join(f'.{known}' for known in formats)}, "
            "such as http://127.0.0.1:8000/datasets/orders.csv?since=2024-01-01"
        )
    items = dict(query_string.parse(parts.query))
    if any(given in items for given in query_string.SIGNATURE):
        raise ValueError("the URL is already signed")
    moment = int(time.time()) + int(duration(expires).total_seconds())
    _check(name, key, dataset, moment)
    items |= {"_key": [name], "_expires": [str(moment)]}
    items["_signature"] = [signature(secret.get_secret_value(), key, export, items)]
    return urlunsplit(parts._replace(query=urlencode(items, doseq=True), fragment=""))


def _check(name: str, key: Key, dataset: str, moment: int) -> None:
    """Check that the service would accept the URL until it expires.

    Raises:
        ValueError: it would not.
    """
    if not key.principal(name).may_read(dataset):
        raise ValueError(f"the key {name} may not read {dataset}")
    if key.expires is not None and key.expires.timestamp() < moment:
        raise ValueError(f"the key {name} expires before the URL, at {key.expires:%Y-%m-%dT%H:%MZ}")


def _path(given: Path | None) -> Path:
    path = given or _settings().keys
    if path is None:
        raise ValueError("name the keys file: set EXPORTER_KEYS or use --keys")
    return path


def _settings(keys_file: Path | None = None) -> AccessSettings:
    try:
        return AccessSettings(keys=keys_file) if keys_file else AccessSettings()
    except ValidationError as error:
        raise ValueError("\n".join(faults(error))) from error


@contextmanager
def _errors_reported(keys_file: Path | None) -> Iterator[None]:
    """End the command with a message instead of a traceback when something is wrong."""
    if wrong := list(misnamed(os.environ)):
        fail("\n".join(wrong))
    try:
        yield
    except (KeysFileError, OSError) as error:
        fail(f"{'--keys' if keys_file else 'EXPORTER_KEYS'}: {reason(error)}")
    except (ValueError, Problem) as error:
        fail(str(error))
