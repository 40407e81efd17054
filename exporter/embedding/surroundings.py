"""What is around an exporter for the time of one request: the middleware of its host, and the server."""

import logging
from collections.abc import Iterable, Mapping, MutableMapping
from types import FunctionType
from typing import Any

from exporter.embedding.layers import behind
from exporter.embedding.servers import Server, Unsupported, server_among
from exporter.http.rsgi import Aborted, Message, Receive, Send
from exporter.problems import Problem, ProblemType

_KEY = "exporter.surroundings"
"""In a scope's extensions, which frameworks pass on."""

_HIDING = ("starlette.middleware.base", "litestar.middleware.compression")
"""Modules whose middleware ends an answer cleanly that has failed within it."""

log = logging.getLogger(__name__)


class Surroundings:
    """The middleware and the server around one request; `send` is the server's, or what the middleware makes of it."""

    def __init__(self, scope: Mapping[str, Any], receive: Receive, send: Send) -> None:
        """Take what an ASGI application is called with."""
        self._http_version: str = scope["http_version"]
        self._ends = receive, send
        self._send = send
        self._server: Server | None = None
        self._reason: str | None = None

    @property
    def is_aborted(self) -> bool:
        """Whether the answer was given up."""
        return self._reason is not None

    def within(self, scope: Mapping[str, Any]) -> MutableMapping[str, Any]:
        """Return a scope that tells of them."""
        return {**scope, "extensions": {**(scope.get("extensions") or {}), _KEY: {"around": self}}}

    def begin_export(self) -> None:
        """Prepare for an export.

        Raises:
            Problem: its failure would be hidden.
        """
        try:
            self._server = self._found()
        except Unsupported as error:
            log.error("exports are refused: %s", error)  # noqa: TRY400 - where it was raised does not matter
            detail = "The application would hide the failure of an export. Its operator finds the reason in the log."
            raise Problem(ProblemType.INTERNAL_ERROR, detail) from None

    async def send(self, message: Message) -> None:
        """Send a message of the answer; of an export, as its client takes it.

        Raises:
            Aborted: the answer was given up.
        """
        if self._reason is not None:
            raise Aborted(self._reason)
        if self._server is None:
            await self._send(message)
            return
        await self._server.before(message)
        await self._send(message)
        await self._server.after(message)

    async def give_up(self, reason: str) -> None:
        """Give the answer up: nothing more of it is sent, and its client sees that it is incomplete.

        It is cut at once, as a middleware may be waiting for a client that has stopped reading.
        """
        self._reason = reason
        self._server = self._server or self._assumed()
        await self._server.cut()

    def end(self) -> None:
        """End the answer that was given up.

        Raises:
            Aborted: where the server needs it.
        """
        assert self._reason is not None  # noqa: S101 - see above
        if self._server is None or self._server.raises:
            raise Aborted(self._reason)

    def _found(self) -> Server:
        """Return the server.

        Raises:
            Unsupported: a failure would be hidden.
        """
        if hidden := hidden_by(behind(*self._ends)):
            raise Unsupported(f"{hidden} ends failed responses cleanly: serve exporter.guard(application)")
        return server_among(behind(*self._ends), self._http_version)

    def _assumed(self) -> Server:
        """Return the server of an answer that is no export: its length is known, so that nobody can hide its end."""
        try:
            return self._found()
        except Unsupported:
            return Server()


def surroundings_of(scope: Mapping[str, Any]) -> Surroundings | None:
    """Return what a scope tells of its surroundings; None if nobody has looked at them yet."""
    found = (scope.get("extensions") or {}).get(_KEY)
    return found["around"] if found else None


def hidden_by(layers: Iterable[object]) -> str | None:
    """Return which middleware among the layers of a request would hide that its answer fails; None if none is known to.

    What it made for this request tells: the middleware itself may belong to a neighbour.
    """
    for layer in layers:
        if (
            isinstance(layer, FunctionType)
            and "<locals>" in layer.__qualname__
            and layer.__module__.startswith(_HIDING)
        ):
            return layer.__module__
    return None
