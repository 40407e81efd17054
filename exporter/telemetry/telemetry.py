"""What is told of each request and each export: a log line, metrics, lines of the audit log, a span."""

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
    """The ways in which one worker tells what goes on."""

    metrics: Metrics
    audit: AuditLog | None = None
    more: Sequence[Observer] = ()
    """Observers of a host application."""

    @property
    def observers(self) -> Sequence[Observer]:
        """What observes every export. The audit log comes last: it may refuse one, which the others then tell."""
        audited = [partial(AuditedExport, self.audit)] if self.audit else []
        return TracedExport, partial(CountedExport, self.metrics), LoggedExport, *self.more, *audited

    def origin(self, visit: Visit) -> Origin:
        """Return where the export of a request comes from."""
        request = self.audit.request_fields(visit) if self.audit else {"method": visit.method}
        return Origin(visit.who, visit.address, visit.traceparent, request)

    def visited(self, visit: Visit, status: int | None) -> None:
        """Take note of a request that is over."""
        if visit.problem is not None:
            self.metrics.problems.labels(visit.problem.slug).inc()
        if self.audit:
            self.audit.visited(visit, status)

    def aborted(self, visit: Visit, outcome: str, reason: str) -> None:
        """Tell of an answer that is no export, and that its client did not take."""
        self.metrics.aborts.labels(outcome).inc()
        fields = {"principal": visit.who, "address": visit.address, "path": visit.path[:200], "reason": reason}
        log.info("response aborted", extra={"fields": fields})

    async def sample(self) -> None:
        """Keep the gauges up to date, and see how late the event loop is, until cancelled."""
        loop = asyncio.get_running_loop()
        while True:
            self.metrics.sample()
            due = loop.time() + _SAMPLE_SECONDS
            await asyncio.sleep(_SAMPLE_SECONDS)
            self.metrics.lag.observe(max(0.0, loop.time() - due))
