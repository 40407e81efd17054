"""`exporter check`: the catalogue against the live database."""

from collections.abc import AsyncIterator

from exporter.database import Database
from exporter.plan import columns_of
from exporter.settings import Settings
from queries.catalog import Catalog
from queries.dataset import Dataset
from queries.describe import describe
from queries.errors import DatabaseUnavailable, PoolBusy, QueryError
from queries.followers import Followers
from queries.key_ranges import position
from queries.pool import Pool
from queries.projection import Projection, project
from queries.session import Session


async def faults(catalog: Catalog, settings: Settings) -> list[str]:
    """Prepare the query of every dataset, as an export would; return a line for each that fails.

    Raises:
        QueryError: the database cannot be reached.
    """
    pool = Pool(
        settings.database_url.get_secret_value(),
        size=1,
        acquire_timeout=settings.pool_timeout,
        session=Session(0, settings.lock_timeout, settings.search_path),
    )
    try:
        return [fault async for fault in _faults(catalog, Database(pool, Followers(pool, 0)))]
    finally:
        await pool.close()


async def _faults(catalog: Catalog, database: Database) -> AsyncIterator[str]:
    for dataset in catalog.values():
        try:
            await _prepare(dataset, database)
        except (DatabaseUnavailable, PoolBusy):
            raise
        except QueryError as error:
            yield f"{dataset.path}:{_line(dataset, error)}: {error}"


def _line(dataset: Dataset, error: QueryError) -> int:
    """Return the line of the file that the server's position is on; numbering the parameters added none."""
    before = (error.position or 1) - 1
    return dataset.line + dataset.query.numbered().count("\n", 0, before)


async def _prepare(dataset: Dataset, database: Database) -> None:
    async with database.pool.transaction("exporter check") as connection:
        sql = dataset.query.numbered()
        described = await describe(connection, sql, values=False)
        if dataset.header.split_by:
            position(described.attributes, dataset.header.split_by)
        columns = await columns_of(dataset, described, database, connection)
        # As the layout that changes the query most: every array and composite goes through to_json.
        await describe(connection, project(sql, columns, Projection.TYPED), values=False)
