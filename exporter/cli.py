"""The `exporter` command."""

import asyncio
import os
import sys
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NoReturn

from cyclopts import App, Parameter
from cyclopts.validators import Number
from pydantic import ValidationError

from exporter.access.settings import faults as faults_of
from exporter.database_url import check_files, holds_password
from exporter.http.client_address import is_loopback
from exporter.keys_command import keys, reason, sign
from exporter.settings import Settings, misnamed

if TYPE_CHECKING:
    from exporter.server import Tls
    from queries.catalog import Catalog

app = App(
    name="exporter",
    version=lambda: version("velithon-exporter"),
    help="Stream PostgreSQL datasets over HTTP as CSV, NDJSON, Parquet or Arrow.",
)
app.command(keys)
app.command(sign)

DatabaseUrl = Annotated[str | None, Parameter(help="PostgreSQL to read from [EXPORTER_DATABASE_URL].")]
Datasets = Annotated[Path | None, Parameter(help="The folder of dataset files [EXPORTER_DATASETS].")]
Host = Annotated[str, Parameter(help="The address to listen on.")]
Port = Annotated[int, Parameter(help="The port to listen on.", validator=Number(gte=1, lte=65_535))]
AllowAnonymous = Annotated[
    bool,
    Parameter(help="Let everybody who reaches the service read everything [EXPORTER_ALLOW_ANONYMOUS].", negative=""),
]
Workers = Annotated[int, Parameter(help="Worker processes, each with a pool of its own.", validator=Number(gte=1))]
Certificate = Annotated[
    Path | None, Parameter(name="--tls-certificate", help="Serve HTTPS with this certificate (PEM, with its chain).")
]
Key = Annotated[Path | None, Parameter(name="--tls-key", help="The private key of the certificate (PEM).")]


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
    allow_anonymous: AllowAnonymous = False,
    certificate: Certificate = None,
    key: Key = None,
) -> None:
    """Serve the datasets over HTTP until interrupted."""
    settings = _settings(database_url, datasets, allow_anonymous=allow_anonymous)
    catalog = _load(settings)
    _check_database(settings)
    _check_callers(host, settings)
    _check_audit_log(settings)
    _check_address(host, port)
    # Not before: what is wrong is told at once.
    from exporter.server import Listening, run

    run(Listening(host, port, workers, _tls(certificate, key)), settings, catalog)


@app.command
def check(*, database_url: DatabaseUrl = None, datasets: Datasets = None) -> None:
    """Load every dataset and have the database prepare its query; exit with 1 when anything is wrong."""
    settings = _settings(database_url, datasets)
    loaded = _load(settings)
    _check_database(settings)
    from exporter.check import faults
    from queries.errors import QueryError

    try:
        wrong = asyncio.run(faults(loaded, settings))
    except QueryError as error:
        _fail(f"the database cannot be asked: {error}")
    if wrong:
        _fail("\n".join(wrong))
    print(f"{len(loaded)} datasets are ready to be exported")  # noqa: T201 - a command's answer


@app.command
def demo(
    *,
    host: Host = "127.0.0.1",
    port: Port = 8000,
    workers: Workers = 1,
    allow_anonymous: AllowAnonymous = False,
) -> None:
    """Serve sample datasets from an embedded PostgreSQL, which is removed again at the end."""
    from queries.demo import DATASETS, database

    # Whatever is wrong is told before the database is made.
    _check_callers(host, _settings("postgresql://", DATASETS, allow_anonymous=allow_anonymous))
    _check_address(host, port)
    from exporter.server import Listening, run

    print("exporter: making the sample database…", file=sys.stderr)  # noqa: T201 - it takes a few seconds
    with database() as dsn:
        settings = _settings(dsn, DATASETS)
        run(Listening(host, port, workers), settings, _load(settings))


def _check_callers(host: str, settings: Settings) -> None:
    """Make sure that callers from other machines have to say who they are, or that the operator wants it otherwise."""
    from exporter.access import keys_file

    if not (settings.closed or settings.allow_anonymous or is_loopback(host)):
        _fail(
            f"on {host} others could read every dataset: set EXPORTER_KEYS (exporter keys create) or "
            "EXPORTER_JWT_KEYS, or say --allow-anonymous"
        )
    try:
        if settings.keys is not None:
            keys_file.read(settings.keys)
    except (keys_file.KeysFileError, OSError) as error:
        _fail(f"EXPORTER_KEYS: {reason(error)}")
    try:
        # One at a URL may be away for now: readiness tells, and it is asked for again.
        if settings.jwt_keys is not None and "://" not in settings.jwt_keys:
            from exporter.access import jwks

            jwks.read(settings.jwt_keys)
    except (ValueError, RecursionError, OSError) as error:
        _fail(f"EXPORTER_JWT_KEYS: {settings.jwt_keys}: {getattr(error, 'strerror', None) or error}")


def _check_database(settings: Settings) -> None:
    try:
        check_files(settings.database_url)
    except ValueError as error:
        _fail(f"EXPORTER_DATABASE_URL: {error}")


def _check_audit_log(settings: Settings) -> None:
    from exporter.telemetry import audit

    try:
        audit.check(settings.audit_log)
    except OSError as error:
        _fail(f"EXPORTER_AUDIT_LOG: {settings.audit_log}: {error.strerror}")


def _check_address(host: str, port: int) -> None:
    from exporter.server import check_address

    try:
        check_address(host, port)
    except OSError as error:
        _fail(f"cannot listen on {host}:{port}: {error.strerror}")


def _tls(certificate: Path | None, key: Path | None) -> "Tls | None":
    from exporter.server import Tls

    if certificate is None and key is None:
        return None
    if certificate is None or key is None:
        _fail("--tls-certificate and --tls-key go together")
    tls = Tls(certificate, key)
    try:
        tls.check()
    except (OSError, ValueError) as error:
        _fail(f"cannot serve HTTPS: {reason(error)}")
    return tls


def _settings(database_url: str | None, datasets: Path | None, *, allow_anonymous: bool = False) -> Settings:
    """Return the settings; what the command line says goes into the environment, where the workers read it."""
    if database_url is not None:
        os.environ["EXPORTER_DATABASE_URL"] = database_url
    if datasets is not None:
        os.environ["EXPORTER_DATASETS"] = str(datasets)
    if allow_anonymous:
        os.environ["EXPORTER_ALLOW_ANONYMOUS"] = "on"
    if wrong := list(misnamed(os.environ)):
        _fail("\n".join(wrong))
    try:
        settings = Settings()
    except ValidationError as error:
        _fail("\n".join(faults_of(error)))
    if database_url is not None and holds_password(settings.database_url):
        _warn(
            "every user of this machine can see the password in --database-url: "
            "set EXPORTER_DATABASE_URL instead, or keep it in a password file (PGPASSFILE)"
        )
    return settings


def _load(settings: Settings) -> "Catalog":
    from exporter.addresses import load
    from formats import registry
    from queries.catalog import CatalogError

    try:
        return load(settings.datasets, registry.load())
    except (CatalogError, registry.PluginError) as error:
        _fail(str(error))


def _warn(message: str) -> None:
    print(f"exporter: {message}", file=sys.stderr)  # noqa: T201 - a command's own words


def _fail(message: str) -> NoReturn:
    sys.exit(f"exporter: {message}" if "\n" not in message else message)
