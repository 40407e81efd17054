"""The outermost layer of a host application, which keeps a failed export from looking complete.

Some middleware ends a failed response normally (Starlette's BaseHTTPMiddleware does), so that a truncated file looks
complete to every client. The guard prevents that, because the export reports its failure to it directly.
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
        """Return an attribute of the application, so that the guard can be used in its place."""
        return getattr(self._application, name)

    async def __call__(self, scope: MutableMapping[str, Any], receive: Receive, send: Send) -> None:
        """Serve one ASGI scope.

        Raises:
            Aborted: an export was aborted; the server then ends its body visibly incomplete.
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
