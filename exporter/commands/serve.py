"""`exporter serve`: the service."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

from exporter.commands import configured, starting
from exporter.commands.options import AllowAnonymous, DatabaseUrl, Datasets, Host, Port, Workers
from exporter.commands.output import fail, reason

if TYPE_CHECKING:
    from exporter.process.tls import Tls

Certificate = Annotated[
    Path | None, Parameter(name="--tls-certificate", help="Serve HTTPS with this certificate (PEM, with its chain).")
]
Key = Annotated[Path | None, Parameter(name="--tls-key", help="The private key of the certificate (PEM).")]


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
    settings = configured.settings(database_url, datasets, allow_anonymous=allow_anonymous)
    catalog = configured.catalog(settings)
    configured.check_database(settings)
    starting.check_callers(host, settings)
    starting.check_audit_log(settings)
    starting.check_address(host, port)
    # Imported late, so that errors are reported at once.
    from exporter.process.server import Listening

    starting.run(Listening(host, port, workers, _tls(certificate, key)), settings, catalog)


def _tls(certificate: Path | None, key: Path | None) -> "Tls | None":
    from exporter.process.tls import Tls

    if certificate is None and key is None:
        return None
    if certificate is None or key is None:
        fail("use --tls-certificate and --tls-key together")
    tls = Tls(certificate, key)
    try:
        tls.check()
    except (OSError, ValueError) as error:
        fail(f"cannot serve HTTPS: {reason(error)}")
    return tls
