"""The engine: whoever wants rows, over HTTP or not, orders them here."""

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
        """Take the threads that decode, encode and compress, and who is told of each export, in this order.

        Neither the database's pool nor the threads are closed here.
        """
        self.database = database
        self._threads = threads
        self._observers = observers

    def run(
        self, order: Order, origin: Origin = _NOBODY, *, turn: AbstractAsyncContextManager[object] | None = None
    ) -> Run:
        """Return the run of an order, which begins when it is entered: `async with engine.run(order) as run`.

        Args:
            order: what is wanted.
            origin: who wants it; for the observers alone.
            turn: is entered before anything is asked of the database, and left when all has been given back: what
                bounds how many exports run at once waits in it, or raises a `Problem`.
        """
        return Run(Began(order, origin), self.database, self._threads, self._observers, turn or nullcontext())

    async def describe(self, dataset: Dataset, acting: Acting) -> list[ColumnDescription]:
        """Return the columns that an export of the whole dataset has.

        Raises:
            Problem: the server refuses the query, or cannot be asked; its cause says why.
        """
        try:
            return await described(dataset, acting, self.database)
        except QueryError as error:
            raise problem_of(error) from error
