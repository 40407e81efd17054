"""What `exporter check` finds: the catalog compared with the live database."""

from dataclasses import dataclass, field

from exporter.exports.database import Database
from exporter.exports.plan import columns_of
from exporter.settings.settings import Settings
from queries.catalog import Catalog
from queries.connection import Connection
from queries.dataset import Dataset
from queries.describe import describe
from queries.errors import DatabaseUnavailable, PoolBusy, QueryError
from queries.explain import generic_plan
from queries.key_ranges import position
from queries.pool import Pool
from queries.projection import Projection, project
from queries.session import Session
from queries.stability import unstable


@dataclass(slots=True)
class Findings:
    """One line per finding, `path:line: message`."""

    faults: list[str] = field(default_factory=list)
    """Errors that make every export of a dataset fail."""
    warnings: list[str] = field(default_factory=list)
    """What a dataset's author should know; exports still work."""


async def findings(catalog: Catalog, settings: Settings) -> Findings:
    """Prepare the query of every dataset, as an export would, and return what is wrong with it.

    Raises:
        QueryError: the database cannot be reached.
    """
    pool = Pool(
        settings.database_url.get_secret_value(),
        size=1,
        acquire_timeout=settings.pool_timeout,
        session=Session(0, settings.lock_timeout, settings.search_path),
    )
    database, found = Database(pool), Findings()
    try:
        for dataset in catalog.values():
            await _check(dataset, database, found)
    finally:
        await pool.close()
    return found


async def _check(dataset: Dataset, database: Database, found: Findings) -> None:
    try:
        reasons = await _prepare(dataset, database)
    except (DatabaseUnavailable, PoolBusy):
        raise
    except QueryError as error:
        found.faults.append(f"{dataset.path}:{_line(dataset, error)}: {error}")
        return
    if reasons:
        differ = f"{', '.join(reasons)} would differ between connections"
        found.warnings.append(f"{dataset.path}:{dataset.line}: warning: split_by has no effect: {differ}")


def _line(dataset: Dataset, error: QueryError) -> int:
    """Return the line of the file for the server's position; numbering the parameters adds no lines."""
    before = (error.position or 1) - 1
    return dataset.line + dataset.query.numbered().count("\n", 0, before)


async def _prepare(dataset: Dataset, database: Database) -> list[str]:
    """Return what keeps the query from being split, if the dataset wants that."""
    async with database.pool.transaction("exporter check") as connection:
        sql = dataset.query.numbered()
        described = await describe(connection, sql, values=False)
        if dataset.header.split_by:
            position(described.attributes, dataset.header.split_by)
        columns = await columns_of(dataset, described, database, connection)
        # The layout that changes the query most: every array and composite goes through to_json.
        await describe(connection, project(sql, columns, Projection.TYPED), values=False)
        return await _indivisible(connection, dataset, sql) if dataset.header.split_by else []


async def _indivisible(connection: Connection, dataset: Dataset, sql: str) -> list[str]:
    # Parameters have no values here.
    return await unstable(connection, sql, await generic_plan(connection, sql, len(dataset.parameters)))
