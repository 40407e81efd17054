"""An ASGI application below a path of another one, for frameworks that cannot mount one."""

from collections.abc import MutableMapping
from typing import Any

from exporter.embedding.guard import App
from exporter.http.rsgi import Receive, Send


class Below:
    """Gives requests below a path to one application, and everything else to another."""

    def __init__(self, prefix: str, inner: App, outer: App) -> None:
        """Take the path, such as `/exports`, the application below it, and the other one.

        Raises:
            ValueError: the path does not begin with a slash.
        """
        self._prefix = checked(prefix)
        self._inner = inner
        self._outer = outer

    async def __call__(self, scope: MutableMapping[str, Any], receive: Receive, send: Send) -> None:
        """Serve one ASGI scope."""
        if scope["type"] == "http" and (inner := below(scope, self._prefix)) is not None:
            await self._inner(inner, receive, send)
        else:
            await self._outer(scope, receive, send)


def checked(prefix: str) -> str:
    """Return the path of a mount without a slash at its end.

    Raises:
        ValueError: it is empty, or does not begin with a slash.
    """
    path = prefix.rstrip("/")
    if not path.startswith("/"):
        raise ValueError(f"the path of the exporter must begin with a slash, and name something below it: {prefix!r}")
    return path


def below(scope: MutableMapping[str, Any], prefix: str) -> MutableMapping[str, Any] | None:
    """Return the scope of a mounted application, or None if the request is not below the prefix.

    Its `root_path` is longer, and its `path` holds that, as the ASGI specification says; not every server does.
    """
    root, path = scope.get("root_path", ""), scope["path"]
    if root and (path == root or path.startswith(f"{root}/")):
        path = path[len(root) :]
    if path != prefix and not path.startswith(f"{prefix}/"):
        return None
    return {**scope, "root_path": f"{root}{prefix}", "path": f"{root}{path}"}
