"""The telemetry of each request and export: a log line, metrics, lines of the audit log, a span."""

import asyncio
import logging
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

from exporter.exports.observers import Observer, Origin
from exporter.http.visit import Visit
from exporter.telemetry.audit import AuditedExport, AuditLog
from exporter.telemetry.counted import CountedExport
from exporter.telemetry.export_log import LoggedExport
from exporter.telemetry.metrics import Metrics
from exporter.telemetry.tracing import TracedExport

_SAMPLE_SECONDS = 1.0

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Telemetry:
    """The telemetry of one worker."""

    metrics: Metrics
    audit: AuditLog | None = None
    more: Sequence[Observer] = ()
    """The host application's observers."""

    @property
    def observers(self) -> Sequence[Observer]:
        """The observers of every export. The audit log comes last: if it refuses an export, the others report that."""
        audited = [partial(AuditedExport, self.audit)] if self.audit else []
        return TracedExport, partial(CountedExport, self.metrics), LoggedExport, *self.more, *audited

    def origin(self, visit: Visit) -> Origin:
        """Return the origin of a request's export."""
        request = self.audit.request_fields(visit) if self.audit else {"method": visit.method}
        return Origin(visit.who, visit.address, visit.traceparent, request)

    def visited(self, visit: Visit, status: int | None) -> None:
        """Count and log a finished request."""
        if visit.problem is not None:
            self.metrics.problems.labels(visit.problem.slug).inc()
        if self.audit:
            self.audit.visited(visit, status)

    def aborted(self, visit: Visit, outcome: str, reason: str) -> None:
        """Count and log a response other than an export that was aborted because its client did not read it."""
        self.metrics.aborts.labels(outcome).inc()
        fields = {"principal": visit.who, "address": visit.address, "path": visit.path[:200], "reason": reason}
        log.info("response aborted", extra={"fields": fields})

    async def sample(self) -> None:
        """Update the gauges and measure the delay of the event loop, until cancelled."""
        loop = asyncio.get_running_loop()
        while True:
            self.metrics.sample()
            due = loop.time() + _SAMPLE_SECONDS
            await asyncio.sleep(_SAMPLE_SECONDS)
            self.metrics.lag.observe(max(0.0, loop.time() - due))
