"""Rate limits: how many requests per minute a caller may make."""

import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from velithon.requests import Request

from exporter.http.client_address import Network, client_address, site
from exporter.problems import Problem, ProblemType

_WINDOW = 60.0
_MOST_KEYS = 10_000
"""Callers to remember; beyond that, the one idle longest starts over. About a megabyte."""


@dataclass(frozen=True, slots=True)
class Standing:
    """What a caller has left."""

    left: int
    """Requests that would be allowed now."""
    wait: int
    """Seconds until one more is allowed."""
    allowed: bool
    """Whether the counted request is allowed."""


class Bucket:
    """A token bucket for each caller, with a minute's requests, refilled evenly.

    Only one number is stored for each: the time when its bucket will be full again (the generic cell rate algorithm).
    """

    def __init__(self, per_minute: int, clock: Callable[[], float] = time.monotonic) -> None:
        self.per_minute = per_minute
        self._each = _WINDOW / per_minute
        self._clock = clock
        self._full_at: dict[str, float] = {}
        """In the order of the callers' last requests."""

    def take(self, caller: str) -> Standing:
        """Count a request of a caller, unless its bucket is empty."""
        now = self._clock()
        before = max(self._full_at.pop(caller, now), now)
        # A tolerance of a millionth of a request, so that rounding does not cost a caller the last one.
        allowed = before + self._each - now <= _WINDOW + self._each / 1e6
        after = before + self._each if allowed else before
        self._full_at[caller] = after
        if len(self._full_at) > _MOST_KEYS:
            del self._full_at[next(iter(self._full_at))]
        tokens = max(0.0, (_WINDOW - (after - now)) / self._each) + 1e-6
        return Standing(int(tokens), math.ceil((1 - tokens % 1) * self._each), allowed)


class Rates:
    """The buckets of one worker, by address and by principal."""

    def __init__(self, per_address: int, per_principal: int, trusted: Sequence[Network] = ()) -> None:
        """Take the requests per minute (0: no limit), and the trusted proxies; see `client_address`."""
        self._addresses = Bucket(per_address) if per_address else None
        self._principals = Bucket(per_principal) if per_principal else None
        self._trusted = trusted

    def count_address(self, request: Request) -> None:
        """Count a request for its client's address.

        Raises:
            Problem: the rate limit is exceeded.
        """
        if self._addresses:
            _count(self._addresses, "address", site(client_address(request.scope, self._trusted)), request)

    def count_principal(self, request: Request, principal: str) -> None:
        """Count a request for its principal.

        Raises:
            Problem: the rate limit is exceeded.
        """
        if self._principals:
            _count(self._principals, "principal", principal, request)


def _count(bucket: Bucket, policy: str, caller: str, request: Request) -> None:
    """Count a request, and add what is left to the response (draft-ietf-httpapi-ratelimit-headers-11)."""
    standing = bucket.take(caller)
    request.protocol.update_headers(
        [
            ("ratelimit-policy", f'"{policy}";q={bucket.per_minute};w={_WINDOW:.0f}'),
            ("ratelimit", f'"{policy}";r={standing.left};t={standing.wait}'),
        ]
    )
    if not standing.allowed:
        raise Problem(
            ProblemType.TOO_MANY_REQUESTS,
            f"{bucket.per_minute} requests per minute are allowed. Try again in {standing.wait} s.",
            retry_after=standing.wait,
        )
