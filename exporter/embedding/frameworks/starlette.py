"""An export as a response of Starlette, and so of FastAPI."""

from collections.abc import Iterable

from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send


class ExportResponse(Response):
    """A response that runs an export when it is sent; headers and cookies set on it are sent, too."""

    def __init__(self, serve: ASGIApp) -> None:
        """Take what answers the request."""
        super().__init__()
        self.raw_headers = []  # not the length of an empty body
        self._serve = serve

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer with the export, or with the problem that it has before its first byte.

        Raises:
            Aborted: it failed after that.
        """
        await self._serve(scope, receive, self._adding(send))
        if self.background is not None:
            await self.background()

    def _adding(self, send: Send) -> Send:
        async def sending(message: Message) -> None:
            if message["type"] == "http.response.start":
                is_export = message["status"] == 200  # noqa: PLR2004 - a problem says itself what it is
                message["headers"] = _merged(message["headers"], self.raw_headers, own_wins=is_export)
            await send(message)

        return sending


def _merged(
    headers: Iterable[tuple[bytes, bytes]], own: Iterable[tuple[bytes, bytes]], *, own_wins: bool
) -> list[tuple[bytes, bytes]]:
    """Return the headers of both; of a name that both have, only those of one, except that `Vary` adds up."""
    first, second = (list(own), list(headers)) if own_wins else (list(headers), list(own))
    present = {name for name, _ in first} - {b"vary"}
    return first + [(name, value) for name, value in second if name not in present]
