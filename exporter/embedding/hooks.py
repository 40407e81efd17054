"""What a host application says about its own callers."""

import inspect
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, TypeAlias

from velithon.requests import Request

from exporter.access.principal import ANONYMOUS, Principal
from exporter.embedding.surroundings import surroundings_of
from exporter.http.client_address import is_loopback
from exporter.problems import Problem, ProblemType
from queries.dataset import Dataset

AsgiScope: TypeAlias = Mapping[str, Any]
Authenticate: TypeAlias = Callable[[AsgiScope], Principal | Awaitable[Principal | None] | None]
"""Returns who asks, or None for somebody who has to say so first; it is given ASGI's scope of the request."""
Authorize: TypeAlias = Callable[[Principal, Dataset], bool | Awaitable[bool]]
"""Returns whether a caller may know of a dataset and export it."""


def anyone(scope: AsgiScope) -> Principal:
    """Let everybody who reaches the application read every dataset."""
    return ANONYMOUS


def loopback(scope: AsgiScope) -> Principal | None:
    """Let callers of this machine read every dataset, as the server sees them: not for use behind a proxy."""
    client = scope.get("client")
    return ANONYMOUS if client and is_loopback(client[0]) else None


class Hooks:
    """Asks the host application who calls, and what they may read."""

    def __init__(self, authenticate: Authenticate, authorize: Authorize | None) -> None:
        """Take the host's functions; either may be a coroutine function."""
        self._authenticate = authenticate
        self._authorize = authorize

    async def principal(self, request: Request) -> Principal:
        """Return who asks.

        Raises:
            Problem: the host does not know.
        """
        scope: AsgiScope = request.scope._scope.asgi  # noqa: SLF001 - Velithon's scope shows the fields of RSGI only
        caller = await _awaited(self._authenticate(scope))
        if caller is None:
            raise Problem(ProblemType.UNAUTHENTICATED, "Log in to the application first.")
        if not isinstance(caller, Principal):
            raise TypeError(f"authenticate must return a Caller or None, not {type(caller).__name__}")
        return caller

    async def may_read(self, principal: Principal, dataset: Dataset) -> bool:
        """Return whether a caller may know of a dataset and export it."""
        if not principal.may_read(dataset.name):
            return False
        allowed = True if self._authorize is None else await _awaited(self._authorize(principal, dataset))
        if not isinstance(allowed, bool):
            raise TypeError(f"authorize must return True or False, not {type(allowed).__name__}")
        return allowed

    def refuse_export(self, request: Request) -> None:
        """Refuse an export whose failure a middleware of the host would hide.

        Whether a page of another origin may ask is the host's to say.

        Raises:
            Problem: there is such a middleware, and no guard around it.
        """
        around = surroundings_of(request.scope._scope.asgi)  # noqa: SLF001 - as above
        if around is not None:
            around.begin_export()


async def _awaited(found: Any) -> Any:
    return await found if inspect.isawaitable(found) else found
