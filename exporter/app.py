"""The composition: settings, catalogue, formats, database and web layer become one ASGI application."""

from concurrent.futures import ThreadPoolExecutor

from velithon import Velithon

from exporter import memory
from exporter.access.access import Access
from exporter.addresses import load
from exporter.asgi import AsgiAdapter
from exporter.cors import Cors
from exporter.database import Database
from exporter.endpoint import Endpoint, nothing_here
from exporter.orphan import end_with_parent
from exporter.routes import Service
from exporter.settings import Settings
from formats import registry
from queries.followers import Followers
from queries.pool import Pool
from queries.session import Session


def create(settings: Settings | None = None) -> AsgiAdapter:
    """Return the ASGI application of one worker.

    Raises:
        ValidationError: a setting is missing or wrong.
        CatalogError: a dataset is wrong; every fault is listed.
        PluginError: a format that is installed cannot be used.
    """
    settings = settings or Settings()
    memory.give_back_soon()
    end_with_parent(settings.shutdown_timeout)
    pool = Pool(
        settings.database_url.get_secret_value(),
        size=settings.pool_size,
        acquire_timeout=settings.pool_timeout,
        session=Session(settings.statement_timeout, settings.lock_timeout, settings.search_path),
    )
    threads = ThreadPoolExecutor(settings.threads, thread_name_prefix="export")
    formats = registry.load()
    catalog = load(settings.datasets, formats)
    database = Database(pool, Followers(pool, settings.parallel_connections), settings.parallel)
    service = Service(catalog, formats, database, threads, Access(settings))
    # Velithon's own documents would describe its routes, not the catalogue, and load scripts from a public host.
    application = Velithon(routes=service.routes(), openapi_url=None, docs_url=None)
    application.router.default = Endpoint(nothing_here)

    async def close() -> None:
        await pool.close()
        threads.shutdown(wait=False, cancel_futures=True)

    application.on_shutdown()(close)

    return AsgiAdapter(application, Cors(settings.cors_origins))
