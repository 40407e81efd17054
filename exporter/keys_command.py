"""`exporter keys` and `exporter sign`: who may read what, from the operator's side."""

import os
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, NoReturn
from urllib.parse import urlencode, urlsplit, urlunsplit

from cyclopts import App, Parameter
from pydantic import ValidationError

from exporter import query_string
from exporter.access.key import Key, checked_name, duration, pattern
from exporter.access.keys_file import KeysFileError, changing, read
from exporter.access.settings import AccessSettings, faults
from exporter.access.signed_urls import signature
from exporter.access.tokens import digest_of, new_token
from exporter.problems import Problem
from exporter.settings import misnamed
from queries.acting import is_role

keys = App(name="keys", help="Make, list and revoke API keys. A running service knows of it at once.")

KeysFile = Annotated[Path | None, Parameter(name="--keys", help="The file of keys [EXPORTER_KEYS].")]


@keys.command
def create(
    name: str,
    /,
    *,
    datasets: Annotated[
        list[str], Parameter(help="A dataset that it may read, or a pattern; may be repeated.", negative="")
    ],
    role: Annotated[str | None, Parameter(help="The database role to read as; without, the service's own.")] = None,
    expires: Annotated[str, Parameter(help="For how long it is good: 12h, 90d, 52w, or never.")] = "90d",
    metrics: Annotated[bool, Parameter(help="Whether it may read /metrics.", negative="")] = False,
    keys_file: KeysFile = None,
) -> None:
    """Make a key and print its token, which is shown this once: only its SHA-256 is stored."""
    token, now = new_token(), datetime.now(UTC).replace(microsecond=0)
    with _told(), changing(_path(keys_file)) as known:
        if checked_name(name) in known:
            raise ValueError(f"there is a key {name} already; revoke it first")
        if role is not None and not is_role(role):
            raise ValueError(f"{role!r} cannot be the name of a role")
        until = None if expires == "never" else now + duration(expires)
        patterns = tuple(pattern(text) for text in datasets)
        known[name] = Key(
            sha256=digest_of(token), datasets=patterns, role=role, created=now, expires=until, metrics=metrics
        )
    print(token)  # noqa: T201 - a command's answer


@keys.command(name="list")
def list_(*, keys_file: KeysFile = None) -> None:
    """List the keys: name, state, end, role, datasets. Nothing in it is secret."""
    with _told():
        for name, key in read(_path(keys_file)).items():
            state = "expired" if key.expired() else "active"
            until = f"{key.expires:%Y-%m-%dT%H:%MZ}" if key.expires else "never"
            metrics = " +metrics" if key.metrics else ""
            print(f"{name}\t{state}\t{until}\t{key.role or '-'}\t{' '.join(key.datasets)}{metrics}")  # noqa: T201 - a command's answer


@keys.command
def revoke(name: str, /, *, keys_file: KeysFile = None) -> None:
    """Remove a key. What it has begun to read it may read to the end."""
    with _told(), changing(_path(keys_file)) as known:
        if known.pop(name, None) is None:
            raise ValueError(f"there is no key {name}")


def sign(
    url: str,
    /,
    *,
    key: Annotated[str, Parameter(help="The name of the key on whose behalf the URL reads.")],
    expires: Annotated[str, Parameter(help="For how long it is good, such as 30m, 1h, 7d.")],
    keys_file: KeysFile = None,
) -> None:
    """Sign the URL of one export, for a client that can send no header; EXPORTER_URL_KEY must be set."""
    with _told():
        print(_signed(url, key, expires, keys_file))  # noqa: T201 - a command's answer


def _signed(url: str, name: str, expires: str, keys_file: Path | None) -> str:
    secret, key, parts = _settings().url_key, read(_path(keys_file)).get(name), urlsplit(url)
    if secret is None:
        raise ValueError("EXPORTER_URL_KEY is not set")
    if key is None or key.expired():
        raise ValueError(f"there is no key {name}, or it has expired")
    _, found, dataset = parts.path.rpartition("/datasets/")
    if not found or "." not in dataset or "/" in dataset:
        raise ValueError(
            "expected the URL of an export, such as http://127.0.0.1:8000/datasets/orders.csv?since=2024-01-01"
        )
    items = dict(query_string.parse(parts.query))
    if any(given in items for given in query_string.SIGNATURE):
        raise ValueError("this URL is signed already")
    moment = int(time.time()) + int(duration(expires).total_seconds())
    items |= {"_key": [name], "_expires": [str(moment)]}
    items["_signature"] = [signature(secret.get_secret_value(), key, dataset, items)]
    return urlunsplit(parts._replace(query=urlencode(items, doseq=True), fragment=""))


def _path(given: Path | None) -> Path:
    path = given or _settings().keys
    if path is None:
        raise ValueError("name the file of keys: EXPORTER_KEYS or --keys")
    return path


def _settings() -> AccessSettings:
    try:
        return AccessSettings()
    except ValidationError as error:
        raise ValueError("\n".join(faults(error))) from error


@contextmanager
def _told() -> Iterator[None]:
    """End the command with a message, and no traceback, when something is wrong."""
    if wrong := list(misnamed(os.environ)):
        _fail("\n".join(wrong))
    try:
        yield
    except (KeysFileError, ValueError, OSError, Problem) as error:
        _fail(str(error))


def _fail(message: str) -> NoReturn:
    sys.exit(f"exporter: {message}")
