"""The limits of one worker, as its settings and the datasets' headers give them."""

from dataclasses import dataclass, field, fields, replace

from exporter.limits.admission import Admission
from exporter.limits.bounds import Bounds
from exporter.limits.connections import Connections
from exporter.limits.pace import Paces
from exporter.limits.rates import Rates
from exporter.settings import Settings
from queries.dataset import Dataset


@dataclass(frozen=True, slots=True)
class Limits:
    """What the exports and callers of one worker may take together, and each by itself."""

    admission: Admission
    rates: Rates
    bounds: Bounds
    """Those of a dataset that has none of its own."""
    paces: Paces
    connections: Connections
    _bounds: dict[str, Bounds] = field(default_factory=dict)
    """Those made so far, by the names of their datasets."""

    def bounds_of(self, dataset: Dataset) -> Bounds:
        """Return the bounds of a dataset's exports."""
        if dataset.name not in self._bounds:
            own = {limit.name: getattr(dataset, limit.name) for limit in fields(Bounds)}
            given = {name: value for name, value in own.items() if value is not None}
            self._bounds[dataset.name] = replace(self.bounds, **given)
        return self._bounds[dataset.name]


def limits(settings: Settings) -> Limits:
    """Make the limits of a worker."""
    return Limits(
        Admission(
            settings.max_exports or settings.pool_size,
            per_principal=settings.max_exports_per_principal,
            most_waiting=settings.max_waiting,
            patience=settings.pool_timeout,
        ),
        Rates(settings.requests_per_minute_per_address, settings.requests_per_minute, settings.trusted_proxies),
        Bounds(**{limit.name: getattr(settings, limit.name) for limit in fields(Bounds)}),
        Paces(settings.stall_timeout, settings.min_bytes_per_second),
        Connections(settings.stall_timeout),
    )
