"""One execution of an order."""

import time
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from concurrent.futures import Executor
from contextlib import AbstractAsyncContextManager, AsyncExitStack
from types import TracebackType
from typing import Self, TypeVar

import pyarrow as pa

from exporter.exports.attempt import Attempt, Attempts
from exporter.exports.compression import COMPRESSORS
from exporter.exports.conversion import Batches, Conversion, Document, Reads, decoder_of
from exporter.exports.course import Course
from exporter.exports.database import Database
from exporter.exports.failures import problem_of
from exporter.exports.observers import Began, Ended, Observer, Progress
from exporter.exports.outcome import DISCONNECTED, SUCCEEDED, Outcome, outcome_of
from exporter.exports.plan import Snapshot
from exporter.problems import Problem
from formats.encoder import Layout
from queries.types import Column

T = TypeVar("T", bytes, pa.RecordBatch)
Awaited = TypeVar("Awaited")


class Run:
    """One execution of an order: an asynchronous context manager, entered once, for one task.

    Inside it, the columns, the schema and the snapshot are known and the server has started to read. Then `chunks` or
    `batches` can be read, once. Leaving it, at the end or early, cancels the statement and releases the connection.
    Every failure is raised as a `Problem`, with the original exception as its cause.
    """

    def __init__(
        self,
        began: Began,
        database: Database,
        threads: Executor,
        observers: Sequence[Observer],
        turn: AbstractAsyncContextManager[object],
    ) -> None:
        """Take what `Engine.run` takes; nothing happens until the context is entered."""
        self.order = began.order
        self.deadline: float | None = None
        """The event loop's time by which the export must end, once the context has been entered."""
        self.ended: Ended | None = None
        """How it ended, once the context has been left."""
        self._began = began
        self._database = database
        self._threads = threads
        self._observers = observers
        self._turn = turn
        self._outcome: Outcome | None = None
        self._held = AsyncExitStack()
        self._attempts: Attempts | None = None
        self._is_read = False

    @property
    def columns(self) -> Sequence[Column]:
        """The columns, in the order of the export."""
        return self._current.plan.outputs

    @property
    def schema(self) -> pa.Schema:
        """The Arrow schema of the batches, or of the input of the format's encoder (text for CSV and NDJSON)."""
        return self._current.plan.schema

    @property
    def snapshot(self) -> Snapshot | None:
        """The snapshot that the export sees; None unless the order is dated or the format records it.

        If the server refuses the COPY, the query runs again in a new snapshot. This can only happen before the first
        chunk.
        """
        return self._current.plan.snapshot

    @property
    def estimate(self) -> int | None:
        """The planner's estimate of the rows; None if it was not asked."""
        return self._current.estimate

    @property
    def progress(self) -> Progress:
        """The rows and bytes so far."""
        return self._course.progress

    async def __aenter__(self) -> Self:
        """Wait for the turn and a connection, and make the server start to read.

        Raises:
            Problem: the order does not fit the dataset, the server rejects it, or it must not start.
        """
        self._course = Course(self._observers, self._began)
        self.deadline = self.order.bounds.deadline()
        try:
            await self._course.begin()
            await self._in_time(self._wait())
            await self._in_time(self._begin())
        except Exception as error:
            failure = self._failed(error)
            await self._leave(error)
            if failure is error:
                raise
            raise failure from error
        except BaseException as error:  # a cancellation
            await self._leave(error)
            raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Cancel what is still running, release everything, and notify the observers."""
        await self._leave(error)

    def chunks(self) -> AsyncGenerator[bytes]:
        """Yield the document in non-empty chunks of any size, at the reader's pace.

        Raises:
            Problem: the export failed; what was yielded so far is incomplete.
        """
        if self.order.format is None:
            raise ValueError("an order without a format has no document: read batches()")
        return self._read(self._document)

    def batches(self) -> AsyncGenerator[pa.RecordBatch]:
        """Yield the rows as non-empty record batches of `schema`, at the reader's pace.

        Raises:
            Problem: the export failed; what was yielded so far is incomplete.
        """
        if self.order.layout is not Layout.TYPED:
            raise ValueError("record batches require an order without a format, or with a typed one such as Parquet")
        return self._read(self._batches)

    @property
    def _entered(self) -> Attempts:
        if self._attempts is None:
            raise RuntimeError("the run has not begun: async with engine.run(order) as run")
        return self._attempts

    @property
    def _current(self) -> Attempt:
        return self._entered.current

    async def _wait(self) -> None:
        """Wait for the turn."""
        began = time.monotonic()
        try:
            await self._held.enter_async_context(self._turn)
        finally:
            self._course.counts.waited += time.monotonic() - began

    async def _begin(self) -> None:
        course = self._course
        attempts = Attempts(self.order, self._database, self._threads, course.counts, course.comment)
        self._held.push_async_callback(attempts.close)
        await attempts.begin()
        self._attempts = attempts

    def _read(self, conversion: Callable[[Attempt], Conversion[T]]) -> AsyncGenerator[T]:
        if self._is_read:
            raise RuntimeError("a run can be read only once: order another one")
        self._is_read = True
        return self._items(conversion)

    async def _items(self, conversion: Callable[[Attempt], Conversion[T]]) -> AsyncGenerator[T]:
        items = self._entered.converted(conversion)
        self._held.push_async_callback(items.aclose)
        try:
            while (item := await self._in_time(anext(items, None))) is not None:
                self._course.count(item)
                yield item
                del item  # not kept while the next one is made
        except Exception as error:
            failure = self._failed(error)
            if failure is error:
                raise
            raise failure from error
        if self.ended is not None:
            raise RuntimeError("the run was left before its end, so there is nothing more to read")
        self._outcome = SUCCEEDED

    def _document(self, current: Attempt) -> Document:
        coding = self.order.compression
        compressor = COMPRESSORS[coding]() if coding else None
        return Document(self._reads(current), current.plan.encoder, compressor)

    def _batches(self, current: Attempt) -> Batches:
        return Batches(self._reads(current), current.plan.schema)

    def _reads(self, current: Attempt) -> Reads:
        decoder = decoder_of(self.order.layout, current.plan.outputs)
        return Reads(current.source, decoder, self.order.bounds, self._course.counts)

    async def _in_time(self, work: Awaitable[Awaited]) -> Awaited:
        return await self.order.bounds.in_time(work, self.deadline)

    def _failed(self, error: Exception) -> Problem:
        self._outcome = outcome_of(error)
        problem = problem_of(error)
        problem.export_id = self.order.id
        return problem

    async def _leave(self, error: BaseException | None) -> None:
        try:
            await self._held.aclose()
        finally:
            left = DISCONNECTED if error is None else outcome_of(error)
            self.ended = self._course.end(self._outcome or left)
