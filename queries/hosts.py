"""Connects to the first of several hosts that answers."""

import random
from typing import Any

import asyncpg

from queries.conninfo import Conninfo

_NEXT = (OSError, asyncpg.CannotConnectNowError, asyncpg.PostgresConnectionError)
"""Unreachable or silent; starting or stopping; disconnected during the handshake."""


async def connect(conninfo: Conninfo, *, seconds: float, **options: Any) -> "asyncpg.Connection[asyncpg.Record]":
    """Connect as `asyncpg.connect` does, but give up a silent host early enough to try the others.

    The driver would wait for the first host until the caller's timeout, so that one dead machine would make the others
    useless. `connect_timeout`, `target_session_attrs` and `load_balance_hosts` mean what libpq says.

    Raises:
        OSError: no host answered; this is the last one's error.
        asyncpg.PostgresError: a host refused the connection.
    """
    hosts, wanted = list(conninfo.hosts), conninfo.wanted
    if conninfo.shuffled:
        random.shuffle(hosts)
    share = seconds / (len(hosts) + 1) if len(hosts) > 1 else seconds
    options |= conninfo.options
    options["timeout"] = min(share, conninfo.timeout or share)
    options["target_session_attrs"] = "standby" if wanted == "prefer-standby" else wanted
    failure: Exception = ConnectionError("no host")
    other: list[tuple[str | None, int | None]] = []
    for host, port in hosts:
        try:
            return await asyncpg.connect(host=host, port=port, **options)
        except asyncpg.TargetServerAttributeNotMatched as error:
            failure = error
            other.append((host, port))
        except _NEXT as error:
            failure = error
    if wanted == "prefer-standby" and other:
        host, port = other[0]
        return await asyncpg.connect(host=host, port=port, **options | {"target_session_attrs": "any"})
    raise failure
