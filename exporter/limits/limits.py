"""The limits of one worker, from its settings and the datasets' headers."""

from dataclasses import dataclass

from exporter.exports.bounds import Bounds
from exporter.limits.admission import Admission
from exporter.limits.connections import Connections
from exporter.limits.pace import Paces
from exporter.limits.rates import Rates
from exporter.settings import engine
from exporter.settings.settings import Settings
from queries.dataset import Dataset


@dataclass(frozen=True, slots=True)
class Limits:
    """The limits on the exports and callers of one worker, together and each."""

    admission: Admission
    rates: Rates
    bounds: Bounds
    """The bounds of a dataset without its own."""
    paces: Paces
    connections: Connections

    def bounds_of(self, dataset: Dataset) -> Bounds:
        """Return the bounds of a dataset's exports."""
        return engine.bounds_of(dataset, self.bounds)


def limits(settings: Settings) -> Limits:
    """Make the limits of a worker."""
    places = settings.max_exports or settings.pool_size
    own = settings.max_exports_per_principal
    if own is None:
        # With local requests only, all callers count as one.
        own = max(1, places // 2) if settings.closed or settings.allow_anonymous else 0
    return Limits(
        Admission(
            places,
            per_principal=own,
            most_waiting=settings.max_waiting,
            patience=settings.pool_timeout,
        ),
        Rates(settings.requests_per_minute_per_address, settings.requests_per_minute, settings.trusted_proxies),
        engine.bounds(settings),
        Paces(settings.stall_timeout, settings.min_bytes_per_second),
        Connections(settings.stall_timeout),
    )
