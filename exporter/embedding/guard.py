"""The outermost layer of a host application: whatever is in between, a failed export does not look whole.

A middleware may end an answer cleanly that has failed within it (Starlette's BaseHTTPMiddleware does): a cut file then
looks whole to every client. The guard knows better, since the export tells it directly.
"""

from collections.abc import Awaitable, Callable, MutableMapping
from types import CellType
from typing import Any, TypeAlias

from exporter.http.rsgi import Aborted, Message, Receive, Send

App: TypeAlias = Callable[[MutableMapping[str, Any], Receive, Send], Awaitable[None]]

_KEY = "exporter.guard"
"""In a scope's extensions, which frameworks pass on."""

HIDDEN = "exporter.hidden"
"""In a scope: the middleware that would hide a failure, where there is no guard."""

_HIDING = ("starlette.middleware.base", "litestar.middleware.compression")
"""Modules whose middleware ends an answer cleanly that has failed within it."""
_DEEPEST = 32
"""Layers of an application that are looked through."""


class Abort:
    """Whether the answer to one request was given up."""

    def __init__(self) -> None:
        """Begin with an answer that is not."""
        self.reason: str | None = None

    def set(self, reason: str) -> None:
        """Give the answer up: nothing more of it is sent."""
        self.reason = reason


class Guard:
    """An ASGI application around another one."""

    def __init__(self, application: App) -> None:
        """Take the application with all of its middleware."""
        self._application = application

    def __getattr__(self, name: str) -> Any:
        """Return what the application has under a name, so that it can be used as before."""
        return getattr(self._application, name)

    async def __call__(self, scope: MutableMapping[str, Any], receive: Receive, send: Send) -> None:
        """Serve one ASGI scope.

        Raises:
            Aborted: an export was given up, and the server has to end its body visibly incomplete.
        """
        if scope["type"] != "http":
            await self._application(scope, receive, send)
            return
        abort = Abort()

        async def guarded(message: Message) -> None:
            if abort.reason is not None:
                raise Aborted(abort.reason)
            await send(message)

        scope = {**scope, "extensions": {**(scope.get("extensions") or {}), _KEY: {"abort": abort}}}
        try:
            await self._application(scope, receive, guarded)
        except Exception as error:
            if abort.reason is not None:
                raise Aborted(abort.reason) from error
            raise
        if abort.reason is not None:
            raise Aborted(abort.reason)


def hidden_by(receive: Receive, send: Send) -> str | None:
    """Return which middleware around a request would hide that its answer fails; None if none is known to.

    What a middleware passes on as `receive` and `send` refers to it.
    """
    seen: list[object] = [receive, send]
    for layer in seen:
        module = getattr(layer, "__module__", "") or ""
        if module.startswith(_HIDING):
            return module
        if len(seen) < _DEEPEST:
            seen += [found for found in _within(layer) if all(found is not one for one in seen)]
    return None


def _within(layer: object) -> list[object]:
    """Return what a function refers to: of a closure its variables, of a method its object's own functions."""
    cells = getattr(layer, "__closure__", None) or ()
    found = [cell.cell_contents for cell in cells if _is_filled(cell)]
    found += [getattr(layer, "func", None), getattr(layer, "__self__", None), *getattr(layer, "args", ())]
    if not callable(layer):
        found += vars(layer).values() if hasattr(layer, "__dict__") else ()
    return [one for one in found if one is not None and (callable(one) or hasattr(one, "__dict__"))]


def _is_filled(cell: CellType) -> bool:
    try:
        cell.cell_contents  # noqa: B018 - raises while a variable has no value
    except ValueError:
        return False
    return True


def abort_of(scope: MutableMapping[str, Any]) -> Abort | None:
    """Return what tells the guard of a request, or None where there is no guard."""
    found = (scope.get("extensions") or {}).get(_KEY)
    return found["abort"] if found else None
