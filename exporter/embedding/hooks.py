"""The host application's authentication and authorization."""

import inspect
import logging
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, TypeAlias

from velithon.requests import Request

from exporter.access.principal import ANONYMOUS, Principal
from exporter.embedding.surroundings import surroundings_of
from exporter.http.client_address import is_loopback
from exporter.problems import Problem, ProblemType
from queries.dataset import Dataset

log = logging.getLogger(__name__)

AsgiScope: TypeAlias = Mapping[str, Any]
Authenticate: TypeAlias = Callable[[AsgiScope], Principal | Awaitable[Principal | None] | None]
"""Takes the ASGI scope of a request, and returns its caller, or None for one that must authenticate first."""
Authorize: TypeAlias = Callable[[Principal, Dataset], bool | Awaitable[bool]]
"""Returns whether a caller may see and export a dataset."""


def anyone(scope: AsgiScope) -> Principal:
    """Let everybody who can reach the application read every dataset."""
    return ANONYMOUS


def loopback(scope: AsgiScope) -> Principal | None:
    """Let callers on this machine read every dataset. Not for use behind a proxy, which is such a caller."""
    client = scope.get("client")
    return ANONYMOUS if client and is_loopback(client[0]) else None


class Hooks:
    """Asks the host application for the caller, and what the caller may read."""

    def __init__(self, authenticate: Authenticate, authorize: Authorize | None) -> None:
        """Take the host's functions; either may be a coroutine function."""
        self._authenticate = authenticate
        self._authorize = authorize

    async def principal(self, request: Request) -> Principal:
        """Return the caller's principal.

        Raises:
            Problem: the host does not know the caller.
        """
        scope: AsgiScope = request.scope._scope.asgi  # noqa: SLF001 - Velithon's scope shows the fields of RSGI only
        caller = await _asked("authenticate", self._authenticate, scope)
        if caller is None:
            raise Problem(ProblemType.UNAUTHENTICATED, "Log in to the application first.")
        if not isinstance(caller, Principal):
            raise _wrong("authenticate", "a Principal or None", caller)
        return caller

    async def may_read(self, principal: Principal, dataset: Dataset) -> bool:
        """Return whether a caller may see and export a dataset."""
        if not principal.may_read(dataset.name):
            return False
        if self._authorize is None:
            return True
        allowed = await _asked("authorize", self._authorize, principal, dataset)
        if not isinstance(allowed, bool):
            raise _wrong("authorize", "True or False", allowed)
        return allowed

    def refuse_export(self, request: Request) -> None:
        """Refuse an export if the host's middleware would hide its failure.

        Cross-site requests are the host's responsibility.

        Raises:
            Problem: there is such middleware, and no guard around it.
        """
        around = surroundings_of(request.scope._scope.asgi)  # noqa: SLF001 - as above
        if around is not None:
            around.begin_export()


async def _asked(name: str, hook: Callable[..., Any], *arguments: object) -> Any:
    """Return what a hook does.

    Raises:
        Problem: the hook raises it, to have it answered; whatever else it raises is logged with the hook's name.
    """
    try:
        found = hook(*arguments)
        return await found if inspect.isawaitable(found) else found
    except Problem:
        raise
    except Exception as error:
        log.exception("the hook %s failed", name)
        raise _broken(name) from error


def _wrong(name: str, expected: str, found: object) -> Problem:
    log.error("the hook %s must return %s, not %s", name, expected, type(found).__name__)
    return _broken(name)


def _broken(name: str) -> Problem:
    detail = f"The application's hook {name} failed. Its operator finds the reason in the application's log."
    return Problem(ProblemType.INTERNAL_ERROR, detail)
