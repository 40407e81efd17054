"""An exporter for programs that have no event loop, such as scripts and notebooks."""

import asyncio
import threading
from collections.abc import AsyncGenerator, Coroutine, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self, TypeVar

import pyarrow as pa

from exporter.exports.file import Written
from exporter.exports.run import Run

if TYPE_CHECKING:
    from exporter.embedding.exporter import Exporter

T = TypeVar("T")


class Blocking:
    """The same exporter with functions that wait: `with exporter.blocking as exports`.

    It lives on an event loop of its own, in a thread of its own, so it can be used where another loop runs, as in a
    notebook; it blocks that one. Its functions may be called from any thread.
    """

    def __init__(self, exporter: "Exporter") -> None:
        """Take an exporter that is not entered otherwise."""
        self._exporter = exporter
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="exporter", daemon=True)

    def __enter__(self) -> Self:
        """Start the thread, and enter the exporter there."""
        self._thread.start()
        try:
            self._wait(self._exporter.__aenter__())
        except BaseException:
            self._stop()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Leave the exporter, and end the thread."""
        try:
            self._wait(self._exporter.__aexit__(kind, error, traceback))
        finally:
            self._stop()

    def table(self, name: str, **how: Any) -> pa.Table:
        """Return the rows of a small export; see `Exporter.table`."""
        return self._wait(self._exporter.table(name, **how))

    def write(self, path: Path | str, name: str, format: str | None = None, **how: Any) -> Written:  # noqa: A002 - as there
        """Write an export into a file; see `Exporter.write`."""
        return self._wait(self._exporter.write(path, name, format, **how))

    @contextmanager
    def run(self, name: str, format: str | None = None, **how: Any) -> Iterator["BlockingRun"]:  # noqa: A002 - as there
        """Run an export for as long as the context lasts; see `Exporter.run`."""

        async def entered() -> Run:
            return await self._exporter.run(name, format, **how).__aenter__()

        run = self._wait(entered())
        try:
            yield BlockingRun(run, self)
        except BaseException as error:
            self._wait(run.__aexit__(type(error), error, error.__traceback__))
            raise
        self._wait(run.__aexit__(None, None, None))

    def _each(self, items: AsyncGenerator[T]) -> Iterator[T]:
        end = object()

        async def following() -> Any:
            return await anext(items, end)

        while (item := self._wait(following())) is not end:
            yield item

    def _wait(self, work: Coroutine[Any, Any, T]) -> T:
        """Have the thread do something; if waiting is interrupted, so is the work."""
        future = asyncio.run_coroutine_threadsafe(work, self._loop)
        try:
            return future.result()
        except BaseException:
            future.cancel()
            raise

    def _stop(self) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()


class BlockingRun:
    """A run whose chunks and batches are waited for."""

    def __init__(self, run: Run, blocking: Blocking) -> None:
        """Take a run that has been entered."""
        self.run = run
        """For all that is known without waiting: `columns`, `schema`, `snapshot`, `progress`."""
        self._blocking = blocking

    def chunks(self) -> Iterator[bytes]:
        """Yield the document; see `Run.chunks`."""
        return self._blocking._each(self.run.chunks())  # noqa: SLF001 - its other half

    def batches(self) -> Iterator[pa.RecordBatch]:
        """Yield the rows; see `Run.batches`."""
        return self._blocking._each(self.run.batches())  # noqa: SLF001 - its other half
