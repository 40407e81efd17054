"""The answer of an ASGI application to who pulls it, instead of having it sent."""

import asyncio
from collections.abc import AsyncIterator, MutableMapping
from typing import Any

from exporter.embedding.guard import App
from exporter.http.rsgi import Message


class Pulled:
    """The body of one answer, whose application waits until the piece before has been taken.

    Whatever fails is raised where the body is read. `close` ends the application, from any thread.
    """

    def __init__(self, application: App, scope: MutableMapping[str, Any]) -> None:
        """Take the application and the request, whose body has been read; begin on the running event loop."""
        self._messages: asyncio.Queue[Message | Exception | None] = asyncio.Queue(1)
        self._first: Message = {}
        self._loop = asyncio.get_running_loop()
        self._received = False
        self._task = self._loop.create_task(self._run(application, scope))

    async def begin(self) -> tuple[Message, Message]:
        """Return the message with the head, and the first one of the body."""
        try:
            head, self._first = await self._next(), await self._next()
        except BaseException:
            self._task.cancel()
            raise
        return head, self._first

    async def __aiter__(self) -> AsyncIterator[bytes]:
        """Yield the pieces of the body."""
        message = self._first
        while True:
            if body := message.get("body"):
                yield body
            if not message.get("more_body"):
                return
            message = await self._next()

    def close(self) -> None:
        """End the application, if it has not ended."""
        self._loop.call_soon_threadsafe(self._task.cancel)

    async def _next(self) -> Message:
        message = await self._messages.get()
        if isinstance(message, Exception):
            raise message
        if message is None:
            raise RuntimeError("the application ended before its answer did")
        return message

    async def _run(self, application: App, scope: MutableMapping[str, Any]) -> None:
        failure: Exception | None = None
        try:
            await application(scope, self._receive, self._messages.put)
        except Exception as error:  # noqa: BLE001 - raised again by the reader
            failure = error
        await self._messages.put(failure)

    async def _receive(self) -> Message:
        if self._received:
            # Whoever reads the body notices that the client has left, and closes it.
            await asyncio.Event().wait()
        self._received = True
        return {"type": "http.request", "body": b"", "more_body": False}
