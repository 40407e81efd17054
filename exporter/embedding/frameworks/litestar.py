"""Litestar: an exporter as a plugin of its application."""

from collections.abc import AsyncGenerator, MutableMapping
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from litestar import Litestar, asgi
from litestar.config.app import AppConfig
from litestar.exceptions import NotFoundException
from litestar.plugins import InitPlugin

from exporter.embedding.frameworks.below import below, checked
from exporter.embedding.guard import App
from exporter.http.rsgi import Receive, Send

if TYPE_CHECKING:
    from exporter.embedding.exporter import Exporter

_PATH = "exporter.path"
"""In a scope: its path before the router changes it."""
_EXCLUDED = "exporter"
"""The option of routes that are not compressed, where the host has named none."""


class ExporterPlugin(InitPlugin):
    """Mounts an exporter, whose requests pass through the application's middleware, compression excepted."""

    def __init__(self, exporter: "Exporter", prefix: str) -> None:
        """Take the path; see `Exporter.litestar`."""
        self._exporter = exporter
        self._prefix = checked(prefix)

    def on_app_init(self, app_config: AppConfig) -> AppConfig:
        """Add the route and the lifespan."""
        excluded = _EXCLUDED
        if compression := app_config.compression_config:
            # It would compress a body again that has a content coding, and replace the header.
            excluded = compression.exclude_opt_key or _EXCLUDED
            app_config.compression_config = replace(compression, exclude_opt_key=excluded)
        full = f"{(app_config.path or '').rstrip('/')}{self._prefix}"

        async def serve(scope: Any, receive: Any, send: Any) -> None:
            # The router takes the prefix off the path, appends a slash, and leaves the root path as it was.
            inner = below({**scope, "path": scope[_PATH]}, full)
            if inner is None:  # it has double slashes, which the router ignores
                raise NotFoundException
            await self._exporter(inner, receive, send)

        app_config.route_handlers.append(
            asgi(self._prefix, is_mount=True, copy_scope=True, opt={excluded: True})(serve)
        )
        app_config.lifespan.append(self._living)
        return app_config

    @asynccontextmanager
    async def _living(self, application: Litestar) -> AsyncGenerator[None]:
        # There is no other place outside all of the middleware.
        host: Any = application  # whose annotations of ASGI are narrower than ours
        handler = host.asgi_handler
        host.asgi_handler = self._exporter.guard(_remembering(handler))
        try:
            async with self._exporter:
                yield
        finally:
            host.asgi_handler = handler


def _remembering(handler: App) -> App:
    async def serve(scope: MutableMapping[str, Any], receive: Receive, send: Send) -> None:
        await handler({**scope, _PATH: scope["path"]}, receive, send)

    return serve
