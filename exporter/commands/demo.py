"""`exporter demo`: the service with sample datasets."""

import sys

from exporter.commands import configured, starting
from exporter.commands.options import AllowAnonymous, Host, Port, Workers


def demo(
    *,
    host: Host = "127.0.0.1",
    port: Port = 8000,
    workers: Workers = 1,
    allow_anonymous: AllowAnonymous = False,
) -> None:
    """Serve sample datasets from an embedded PostgreSQL, which is removed at the end."""
    from exporter.process.server import Listening
    from exporter.process.starting import end_in_order
    from queries.demo import DATASETS, database

    # Report problems before the database is created.
    starting.check_callers(host, configured.settings("postgresql://", DATASETS, allow_anonymous=allow_anonymous))
    starting.check_address(host, port)
    end_in_order()
    print("exporter: creating the sample database…", file=sys.stderr)  # noqa: T201 - it takes a few seconds
    with database() as dsn:
        settings = configured.settings(dsn, DATASETS)
        starting.run(Listening(host, port, workers), settings, configured.catalog(settings))
