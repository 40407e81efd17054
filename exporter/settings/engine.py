"""What the settings make of the engine."""

from dataclasses import fields, replace

from exporter.exports.bounds import Bounds
from exporter.exports.database import Database
from exporter.settings.settings import Settings
from queries.dataset import Dataset
from queries.pool import Pool
from queries.session import Session


def database(settings: Settings) -> Database:
    """Return the database of the settings; the caller closes its pool."""
    pool = Pool(
        settings.database_url.get_secret_value(),
        size=settings.pool_size,
        acquire_timeout=settings.pool_timeout,
        session=Session(settings.statement_timeout, settings.lock_timeout, settings.search_path),
    )
    return Database(pool, parallel=settings.parallel, parallel_connections=settings.parallel_connections)


def bounds(settings: Settings) -> Bounds:
    """Return the bounds of the exports of a dataset that has none of its own."""
    return Bounds(**{limit.name: getattr(settings, limit.name) for limit in fields(Bounds)})


def bounds_of(dataset: Dataset, otherwise: Bounds) -> Bounds:
    """Return the bounds of a dataset's exports, its own before others."""
    return replace(otherwise, **dataset.header.own_bounds())
