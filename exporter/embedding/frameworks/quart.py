"""Quart: an exporter below a path of its application."""

from collections.abc import AsyncGenerator
from typing import TYPE_CHECKING, Any

from quart import Quart

from exporter.embedding.frameworks.below import Below

if TYPE_CHECKING:
    from exporter.embedding.exporter import Exporter


def mount(exporter: "Exporter", application: Quart, prefix: str) -> None:
    """Mount an exporter, and put the guard around the application; see `Exporter.quart`."""

    async def living() -> AsyncGenerator[None]:
        async with exporter:
            yield

    application.while_serving(living)
    host: Any = application  # whose annotations of ASGI are narrower than ours
    host.asgi_app = exporter.guard(Below(prefix, exporter, host.asgi_app))
