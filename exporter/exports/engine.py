"""The engine, which runs orders for rows, from HTTP or elsewhere."""

from collections.abc import Sequence
from concurrent.futures import Executor
from contextlib import AbstractAsyncContextManager, nullcontext

from exporter.exports.database import Database
from exporter.exports.description import ColumnDescription, described
from exporter.exports.failures import problem_of
from exporter.exports.observers import Began, Observer, Origin
from exporter.exports.order import Order
from exporter.exports.run import Run
from queries.acting import Acting
from queries.dataset import Dataset
from queries.errors import QueryError

_NOBODY = Origin()


class Engine:
    """Runs orders on a database."""

    def __init__(self, database: Database, threads: Executor, observers: Sequence[Observer] = ()) -> None:
        """Take the threads that decode, encode and compress, and the observers of each export, called in this order.

        The engine closes neither the database's pool nor the threads.
        """
        self.database = database
        self._threads = threads
        self._observers = observers

    def run(
        self, order: Order, origin: Origin = _NOBODY, *, turn: AbstractAsyncContextManager[object] | None = None
    ) -> Run:
        """Return the run of an order, which begins when it is entered: `async with engine.run(order) as run`.

        Args:
            order: what to export.
            origin: who ordered it; only for the observers.
            turn: a context manager that is entered before the database is used and left after everything has been
                released. A limit on concurrent exports waits in it, or raises a `Problem`.
        """
        return Run(Began(order, origin), self.database, self._threads, self._observers, turn or nullcontext())

    async def describe(self, dataset: Dataset, acting: Acting) -> list[ColumnDescription]:
        """Return the columns of an export of the whole dataset.

        Raises:
            Problem: the server rejects the query, or cannot be reached; its cause says why.
        """
        try:
            return await described(dataset, acting, self.database)
        except QueryError as error:
            raise problem_of(error) from error
