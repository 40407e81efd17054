"""The settings and the catalog that a command works with."""

import os
from pathlib import Path
from typing import TYPE_CHECKING

from pydantic import ValidationError

from exporter.commands.output import fail, warn
from exporter.settings.access import faults
from exporter.settings.database_url import check_files, holds_password
from exporter.settings.settings import Settings, misnamed

if TYPE_CHECKING:
    from queries.catalog import Catalog


def settings(database_url: str | None, datasets: Path | None, *, allow_anonymous: bool = False) -> Settings:
    """Return the settings; options of the command line are put into the environment, where the workers read them."""
    if database_url is not None:
        os.environ["EXPORTER_DATABASE_URL"] = database_url
    if datasets is not None:
        os.environ["EXPORTER_DATASETS"] = str(datasets)
    if allow_anonymous:
        os.environ["EXPORTER_ALLOW_ANONYMOUS"] = "on"
    if wrong := list(misnamed(os.environ)):
        fail("\n".join(wrong))
    try:
        found = Settings()
    except ValidationError as error:
        fail("\n".join(faults(error)))
    if database_url is not None and holds_password(found.database_url):
        warn(
            "every user of this machine can see the password in --database-url: "
            "set EXPORTER_DATABASE_URL instead, or use a password file (PGPASSFILE)"
        )
    return found


def catalog(settings: Settings) -> "Catalog":
    """Load the datasets of the folder."""
    from exporter.web.catalog import load
    from formats import registry
    from queries.catalog import CatalogError

    try:
        return load(settings.datasets, registry.load())
    except (CatalogError, registry.PluginError) as error:
        fail(str(error))


def check_database(settings: Settings) -> None:
    """Check that the files named in the database's URL can be read."""
    try:
        check_files(settings.database_url)
    except ValueError as error:
        fail(f"EXPORTER_DATABASE_URL: {error}")
