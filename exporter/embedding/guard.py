"""The outermost layer of a host application: whatever is in between, a failed export does not look whole.

A middleware may end an answer cleanly that has failed within it (Starlette's BaseHTTPMiddleware does): a cut file then
looks whole to every client. The guard knows better, since the export tells it directly.
"""

from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any, TypeAlias

from exporter.embedding.surroundings import Surroundings, surroundings_of
from exporter.http.rsgi import Receive, Send

App: TypeAlias = Callable[[MutableMapping[str, Any], Receive, Send], Awaitable[None]]


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
        if scope["type"] != "http" or surroundings_of(scope):
            await self._application(scope, receive, send)
            return
        around = Surroundings(scope, receive, send)
        try:
            await self._application(around.within(scope), receive, around.send)
        except Exception:
            if not around.is_aborted:
                raise
        if around.is_aborted:
            around.end()
