"""The checks of `serve` and `demo` before they start, and the start itself."""

from functools import partial
from typing import TYPE_CHECKING

from exporter.commands.output import fail, reason
from exporter.http.client_address import is_loopback
from exporter.settings.settings import Settings

if TYPE_CHECKING:
    from exporter.http.asgi import AsgiAdapter
    from exporter.process.published import Published
    from exporter.process.server import Listening
    from queries.catalog import Catalog


def check_callers(host: str, settings: Settings) -> None:
    """Check that callers from other machines need credentials, unless the operator allows anonymous access."""
    from exporter.access import keys_file

    if not (settings.closed or settings.allow_anonymous or is_loopback(host)):
        fail(
            f"on {host}, everybody could read every dataset: set EXPORTER_KEYS (exporter keys create) or "
            "EXPORTER_JWT_KEYS, or use --allow-anonymous"
        )
    try:
        if settings.keys is not None:
            keys_file.read(settings.keys)
    except (keys_file.KeysFileError, OSError) as error:
        fail(f"EXPORTER_KEYS: {reason(error)}")
    try:
        # A JWKS at a URL may be unavailable for now: readiness reports that, and it is fetched again later.
        if settings.jwt_keys is not None and "://" not in settings.jwt_keys:
            from exporter.access import jwks

            jwks.read(settings.jwt_keys)
    except (ValueError, RecursionError, OSError) as error:
        fail(f"EXPORTER_JWT_KEYS: {settings.jwt_keys}: {getattr(error, 'strerror', None) or error}")


def check_audit_log(settings: Settings) -> None:
    """Check that the audit log can be opened."""
    from exporter.telemetry import audit

    try:
        audit.check(settings.audit_log)
    except OSError as error:
        fail(f"EXPORTER_AUDIT_LOG: {settings.audit_log}: {error.strerror}")


def check_address(host: str, port: int) -> None:
    """Check that nothing else listens there."""
    from exporter.process import server

    try:
        server.check_address(host, port)
    except OSError as error:
        fail(f"cannot listen on {host}:{port}: {error.strerror}")


def run(listening: "Listening", settings: Settings, catalog: "Catalog") -> None:
    """Serve until SIGINT or SIGTERM; see `exporter.process.server.run`."""
    from exporter.process import server
    from exporter.web.catalog import load
    from formats import registry

    read = partial(load, settings.datasets, registry.load())
    server.run(listening, settings, catalog, read, _application)


def _application(published: "Published") -> "AsgiAdapter":
    from exporter.app import create  # only in the workers, which by then know where their metrics go

    return create(published=published, alone=True)
