"""The outermost layer of a host application, which keeps a failed export from looking complete.

Some middleware ends a failed response normally (Starlette's BaseHTTPMiddleware does), so that a truncated file looks
complete to every client. The guard prevents that, because the export reports its failure to it directly.
"""

from collections.abc import Awaitable, Callable, MutableMapping
from types import CellType
from typing import Any, TypeAlias

from exporter.http.rsgi import Aborted, Message, Receive, Send

App: TypeAlias = Callable[[MutableMapping[str, Any], Receive, Send], Awaitable[None]]

_KEY = "exporter.guard"
"""The key in a scope's extensions, which frameworks pass on."""

HIDDEN = "exporter.hidden"
"""The key in a scope for the middleware that would hide a failure, if there is no guard."""

_HIDING = ("starlette.middleware.base", "litestar.middleware.compression")
"""Modules whose middleware ends a failed response normally."""
_DEEPEST = 32
"""The most layers of an application to look through."""


class Abort:
    """Whether the response to one request was aborted."""

    def __init__(self) -> None:
        """Begin with a response that is not aborted."""
        self.reason: str | None = None

    def set(self, reason: str) -> None:
        """Abort the response: nothing more of it is sent."""
        self.reason = reason


class Guard:
    """An ASGI application around another one."""

    def __init__(self, application: App) -> None:
        """Take the application with all of its middleware."""
        self._application = application

    def __getattr__(self, name: str) -> Any:
        """Return an attribute of the application, so that the guard can be used in its place."""
        return getattr(self._application, name)

    async def __call__(self, scope: MutableMapping[str, Any], receive: Receive, send: Send) -> None:
        """Serve one ASGI scope.

        Raises:
            Aborted: an export was aborted; the server then ends its body visibly incomplete.
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
    """Return the middleware around a request that would hide the failure of its response; None if none is known.

    The `receive` and `send` that middleware passes on refer to it.
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
    """Return what a function refers to: a closure's variables, or the functions of a method's object."""
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
    """Return the abort that the guard of a request watches, or None if there is no guard."""
    found = (scope.get("extensions") or {}).get(_KEY)
    return found["abort"] if found else None
