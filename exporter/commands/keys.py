"""`exporter keys` and `exporter sign`: who may read what, from the operator's side."""

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

keys = App(name="keys", help="Make, list and revoke API keys. A running service knows of it at once.")

KeysFile = Annotated[Path | None, Parameter(name="--keys", help="The file of keys [EXPORTER_KEYS].")]


@keys.command
def create(
    name: Annotated[str, Parameter(help="What to call it: letters, digits and . _ @ -; the logs name it.")],
    /,
    *,
    datasets: Annotated[
        list[str], Parameter(help="A dataset that it may read, or a pattern; may be repeated.", negative="")
    ],
    role: Annotated[str | None, Parameter(help="The database role to read as; without, the service's own.")] = None,
    expires: Annotated[str, Parameter(help="For how long it is good: 30m, 12h, 90d, 52w, or never.")] = "90d",
    metrics: Annotated[bool, Parameter(help="Whether it may read /metrics.", negative="")] = False,
    keys_file: KeysFile = None,
) -> None:
    """Make a key and print its token, which is shown this once: only its SHA-256 is stored."""
    token, now = new_token(), datetime.now(UTC).replace(microsecond=0)
    with _told(keys_file), changing(_path(keys_file)) as known:
        if checked_name(name) in known:
            raise ValueError(f"there is a key {name} already; revoke it first")
        if role is not None and not is_role(role):
            raise ValueError(f"{role!r} cannot be the name of a role")
        until = None if expires == "never" else now + duration(expires)
        patterns = tuple(pattern(text) for text in datasets)
        known[name] = Key(
            sha256=digest_of(token), datasets=patterns, role=role, created=now, expires=until, metrics=metrics
        )
    print("exporter: the token is shown this once; keep it", file=sys.stderr)  # noqa: T201 - a command's answer
    print(token)  # noqa: T201 - a command's answer


@keys.command(name="list")
def list_(*, keys_file: KeysFile = None) -> None:
    """List the keys: name, state, end, role, datasets. Nothing in it is secret."""
    with _told(keys_file):
        known = read(_path(keys_file), to_manage=True)
        print("NAME\tSTATE\tEXPIRES\tROLE\tDATASETS")  # noqa: T201 - a command's answer
        for name, key in known.items():
            state = "expired" if key.expired() else "active"
            until = f"{key.expires:%Y-%m-%dT%H:%MZ}" if key.expires else "never"
            metrics = " +metrics" if key.metrics else ""
            print(f"{name}\t{state}\t{until}\t{key.role or '-'}\t{' '.join(key.datasets)}{metrics}")  # noqa: T201 - a command's answer


@keys.command
def revoke(name: Annotated[str, Parameter(help="The key to remove.")], /, *, keys_file: KeysFile = None) -> None:
    """Remove a key. What it has begun to read it may read to the end."""
    with _told(keys_file), changing(_path(keys_file)) as known:
        if known.pop(name, None) is None:
            raise ValueError(f"there is no key {name}")


def sign(
    url: Annotated[str, Parameter(help="Such as https://exporter.example/datasets/orders.csv?since=2024-01-01.")],
    /,
    *,
    key: Annotated[str, Parameter(help="The name of the key on whose behalf the URL reads.")],
    expires: Annotated[str, Parameter(help="For how long it is good, such as 30m, 1h, 7d.")],
    keys_file: KeysFile = None,
) -> None:
    """Sign the URL of one export, for a client that can send no header; EXPORTER_URL_KEY must be set."""
    with _told(keys_file):
        print(_signed(url, key, expires, keys_file))  # noqa: T201 - a command's answer


def _signed(url: str, name: str, expires: str, keys_file: Path | None) -> str:
    from formats import registry

    settings = _settings(keys_file)
    secret, parts = settings.url_key, urlsplit(url)
    if secret is None:
        raise ValueError("EXPORTER_URL_KEY is not set")
    key = read(_path(settings.keys), to_manage=True).get(name)
    if key is None or key.expired():
        raise ValueError(f"there is no key {name}, or it has expired")
    _, found, export = parts.path.rpartition("/datasets/")
    dataset, _, extension = export.rpartition(".")
    formats = registry.load()
    if not found or "/" in export or not dataset or extension not in formats:
        raise ValueError(
            f"expected the URL of an export, whose name ends in {', '.join(f'.{known}' for known in formats)}, "
            "such as http://127.0.0.1:8000/datasets/orders.csv?since=2024-01-01"
        )
    items = dict(query_string.parse(parts.query))
    if any(given in items for given in query_string.SIGNATURE):
        raise ValueError("this URL is signed already")
    moment = int(time.time()) + int(duration(expires).total_seconds())
    _check(name, key, dataset, moment)
    items |= {"_key": [name], "_expires": [str(moment)]}
    items["_signature"] = [signature(secret.get_secret_value(), key, export, items)]
    return urlunsplit(parts._replace(query=urlencode(items, doseq=True), fragment=""))


def _check(name: str, key: Key, dataset: str, moment: int) -> None:
    """Make sure that the service would accept the URL, and until the moment that is said.

    Raises:
        ValueError: it would not.
    """
    if not key.principal(name).may_read(dataset):
        raise ValueError(f"the key {name} may not read {dataset}")
    if key.expires is not None and key.expires.timestamp() < moment:
        raise ValueError(f"the key {name} ends before the URL would, at {key.expires:%Y-%m-%dT%H:%MZ}")


def _path(given: Path | None) -> Path:
    path = given or _settings().keys
    if path is None:
        raise ValueError("name the file of keys: EXPORTER_KEYS or --keys")
    return path


def _settings(keys_file: Path | None = None) -> AccessSettings:
    try:
        return AccessSettings(keys=keys_file) if keys_file else AccessSettings()
    except ValidationError as error:
        raise ValueError("\n".join(faults(error))) from error


@contextmanager
def _told(keys_file: Path | None) -> Iterator[None]:
    """End the command with a message, and no traceback, when something is wrong."""
    if wrong := list(misnamed(os.environ)):
        fail("\n".join(wrong))
    try:
        yield
    except (KeysFileError, OSError) as error:
        fail(f"{'--keys' if keys_file else 'EXPORTER_KEYS'}: {reason(error)}")
    except (ValueError, Problem) as error:
        fail(str(error))
