"""The limits of an embedded exporter."""

from dataclasses import dataclass

from exporter.exports.bounds import Bounds
from exporter.limits.admission import Admission
from exporter.limits.connections import Connections
from exporter.limits.limits import Limits as Live
from exporter.limits.pace import Paces
from exporter.limits.rates import Rates


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """The limits of one exporter; 0 means no limit. A dataset's own limits override those of a single export."""

    max_exports: int = 0
    """Exports over HTTP that may run at once; 0 means as many as the pool has connections."""
    max_exports_per_caller: int = 0
    max_waiting: int = 100
    """Exports that may wait for one of these places."""
    patience: float = 5.0
    """Seconds to wait for a place, and for a connection."""
    max_rows: int = 0
    max_bytes: int = 0
    max_seconds: float = 0.0
    max_estimated_rows: int = 0
    stall_timeout: float = 60.0
    """Seconds after which a client that reads nothing is disconnected."""
    min_bytes_per_second: int = 0
    statement_timeout: float = 3600.0
    """Seconds that a statement may run, including sending its rows."""
    lock_timeout: float = 10.0
    """Seconds that a statement may wait for a lock."""
    parallel: int = 4
    """The most connections for reading one large table; 1 turns parallel scans off."""

    def live(self, connections: int) -> Live:
        """Return the limits in use, for a number of connections to the database."""
        places = min(self.max_exports, connections) if self.max_exports else connections
        return Live(
            Admission(
                places,
                per_principal=self.max_exports_per_caller,
                most_waiting=self.max_waiting,
                patience=self.patience,
            ),
            Rates(0, 0),
            Bounds(self.max_rows, self.max_bytes, self.max_seconds, self.max_estimated_rows),
            Paces(self.stall_timeout, self.min_bytes_per_second),
            Connections(touches=False),  # the sockets are the host's
        )
