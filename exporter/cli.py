"""The `exporter` command."""

import asyncio
import os
import sys
from pathlib import Path
from typing import Annotated, NoReturn

from cyclopts import App, Parameter
from cyclopts.validators import Number
from pydantic import ValidationError

from exporter.settings import Settings
from queries.catalog import Catalog, CatalogError
from queries.errors import QueryError

app = App(name="exporter", help="Stream PostgreSQL datasets over HTTP as CSV, NDJSON, Parquet or Arrow.")

DatabaseUrl = Annotated[str | None, Parameter(help="PostgreSQL to read from [EXPORTER_DATABASE_URL].")]
Datasets = Annotated[Path | None, Parameter(help="The folder of dataset files [EXPORTER_DATASETS].")]
Host = Annotated[str, Parameter(help="The address to listen on.")]
Port = Annotated[int, Parameter(help="The port to listen on.", validator=Number(gte=1, lte=65_535))]
Workers = Annotated[int, Parameter(help="Worker processes, each with a pool of its own.", validator=Number(gte=1))]


def main() -> None:
    """Run the command line."""
    app()


@app.command
def serve(
    *,
    database_url: DatabaseUrl = None,
    datasets: Datasets = None,
    host: Host = "127.0.0.1",
    port: Port = 8000,
    workers: Workers = 1,
) -> None:
    """Serve the datasets over HTTP until interrupted."""
    from exporter.server import run

    settings = _settings(database_url, datasets)
    _load(settings)
    _check_address(host, port)
    run(host, port, workers, settings)


@app.command
def check(*, database_url: DatabaseUrl = None, datasets: Datasets = None) -> None:
    """Load every dataset and have the database prepare its query; exit with 1 when anything is wrong."""
    from exporter.check import faults

    settings = _settings(database_url, datasets)
    loaded = _load(settings)
    try:
        wrong = asyncio.run(faults(loaded, settings))
    except QueryError as error:
        _fail(f"the database cannot be asked: {error}")
    if wrong:
        _fail("\n".join(wrong))
    print(f"{len(loaded)} datasets are ready to be exported")  # noqa: T201 - a command's answer


@app.command
def demo(*, host: Host = "127.0.0.1", port: Port = 8000, workers: Workers = 1) -> None:
    """Serve sample datasets from an embedded PostgreSQL, which is removed again at the end."""
    from exporter.server import run
    from queries.demo import DATASETS, database

    _check_address(host, port)
    with database() as dsn:
        settings = _settings(dsn, DATASETS)
        run(host, port, workers, settings)


def _check_address(host: str, port: int) -> None:
    from exporter.server import check_address

    try:
        check_address(host, port)
    except OSError as error:
        _fail(f"cannot listen on {host}:{port}: {error.strerror}")


def _settings(database_url: str | None, datasets: Path | None) -> Settings:
    """Return the settings; what the command line says goes into the environment, where the workers read it."""
    if database_url is not None:
        os.environ["EXPORTER_DATABASE_URL"] = database_url
    if datasets is not None:
        os.environ["EXPORTER_DATASETS"] = str(datasets)
    try:
        return Settings()
    except ValidationError as error:
        faults = (f"EXPORTER_{str(fault['loc'][0]).upper()}: {fault['msg']}" for fault in error.errors())
        _fail("\n".join(faults))


def _load(settings: Settings) -> Catalog:
    from exporter.addresses import load
    from formats import registry

    try:
        return load(settings.datasets, registry.load())
    except (CatalogError, registry.PluginError) as error:
        _fail(str(error))


def _fail(message: str) -> NoReturn:
    sys.exit(f"exporter: {message}" if "\n" not in message else message)
