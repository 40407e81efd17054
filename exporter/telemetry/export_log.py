"""The observer that logs each export when it has ended."""

import logging

from exporter.exports.observers import Began, Ended, Observation
from exporter.telemetry import ending, masking

log = logging.getLogger("exporter.telemetry")


class LoggedExport(Observation):
    """Logs one export."""

    def __init__(self, began: Began) -> None:
        """Log nothing yet."""
        self._order, self._origin = began.order, began.origin

    def ended(self, ended: Ended) -> None:
        """Log how it ended, preceded by the traceback of an unexpected failure."""
        order, origin, outcome = self._order, self._origin, ended.outcome
        if outcome.traceback:
            log.error("export %s failed\n%s", order.id, outcome.traceback)
        fields = {
            "id": str(order.id),
            "principal": origin.who,
            "address": origin.address,
            "dataset": order.dataset.name,
            "arguments": masking.arguments(order),
            "format": order.format_name,
            "options": masking.options(order),
            **ending.fields(ended),
            "waited": round(ended.waited, 6),
            "connections": ended.connections,
        }
        if (trace := ending.trace_id(origin, ended)) is not None:
            fields["trace_id"] = trace
        level = logging.INFO if outcome.name != "failed" else logging.ERROR
        log.log(level, "export", extra={"fields": fields})
