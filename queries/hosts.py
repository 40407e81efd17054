"""Connecting to the first of several hosts that answers."""

import os
from collections.abc import Awaitable, Callable, Iterator
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit

import asyncpg

_connect: "Callable[..., Awaitable[asyncpg.Connection[asyncpg.Record]]]" = asyncpg.connect

_ATTRIBUTES = "PGTARGETSESSIONATTRS"
_NEXT = (OSError, asyncpg.CannotConnectNowError, asyncpg.PostgresConnectionError)
"""Away or silent; starting or stopping; gone while it greeted."""


async def connect(dsn: str, *, seconds: float, **options: Any) -> "asyncpg.Connection[asyncpg.Record]":
    """Connect as `asyncpg.connect` does, but leave a host that stays silent in time for the others.

    The driver waits for the first host until the caller's time is over, so a machine that died would take the others
    along. A DSN's `target_session_attrs` means what libpq says.

    Raises:
        OSError: no host answered; of the last.
        asyncpg.PostgresError: a host refused the connection.
    """
    hosts = list(single(dsn))
    if len(hosts) == 1:
        return await _connect(dsn, **options)
    options["timeout"] = seconds / (len(hosts) + 1)
    wanted = dict(parse_qsl(urlsplit(dsn).query)).get("target_session_attrs") or os.environ.get(_ATTRIBUTES, "any")
    options["target_session_attrs"] = "standby" if wanted == "prefer-standby" else wanted
    failure: Exception = ConnectionError("no host")
    other: list[str] = []
    for host in hosts:
        try:
            return await _connect(host, **options)
        except asyncpg.TargetServerAttributeNotMatched as error:
            failure = error
            other.append(host)
        except _NEXT as error:
            failure = error
    if wanted == "prefer-standby" and other:
        return await _connect(other[0], **options | {"target_session_attrs": "any"})
    raise failure


def single(dsn: str) -> Iterator[str]:
    """Yield for each host of a libpq URL one that names it alone; the hosts are before the path, or in the query."""
    parts = urlsplit(dsn)
    query = dict(parse_qsl(parts.query))
    user, at, before = parts.netloc.rpartition("@")
    hosts = (before or query.get("host", "")).split(",")
    ports = query.pop("port", "").split(",")
    if len(ports) == 1:
        ports *= len(hosts)
    if len(hosts) == 1 or len(ports) != len(hosts):  # which the driver refuses
        yield dsn
        return
    for host, port in zip(hosts, ports, strict=True):
        own = query | ({} if before else {"host": host}) | ({"port": port} if port else {})
        yield parts._replace(netloc=f"{user}{at}{host if before else ''}", query=urlencode(own)).geturl()
