"""`exporter check`: check the datasets against the database."""

import asyncio
import sys

from exporter.commands import configured
from exporter.commands.options import DatabaseUrl, Datasets
from exporter.commands.output import fail


def check(*, database_url: DatabaseUrl = None, datasets: Datasets = None) -> None:
    """Load every dataset and prepare its query in the database; exit with 1 if anything is wrong."""
    settings = configured.settings(database_url, datasets)
    catalog = configured.catalog(settings)
    configured.check_database(settings)
    # Imported late, so that errors are reported at once.
    from exporter.commands.findings import findings
    from queries.errors import QueryError

    try:
        found = asyncio.run(findings(catalog, settings))
    except QueryError as error:
        fail(f"cannot query the database: {error}")
    for warning in found.warnings:
        print(warning, file=sys.stderr)  # noqa: T201 - the command's output
    if found.faults:
        fail("\n".join(found.faults))
    print(f"{len(catalog)} datasets are ready for export")  # noqa: T201 - the command's output
