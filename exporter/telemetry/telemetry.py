"""What is told of each request and each export: a log line, metrics, lines of the audit log, a span."""

import asyncio
import logging
from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import dataclass

from exporter.limits.exceeded import Unread
from exporter.order import Order
from exporter.telemetry.audit import AuditLog
from exporter.telemetry.metrics import Metrics
from exporter.telemetry.outcome import Outcome, outcome_of
from exporter.telemetry.record import Record
from exporter.telemetry.visit import Visit

_SAMPLE_SECONDS = 1.0

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Telemetry:
    """The ways in which one worker tells what goes on."""

    metrics: Metrics
    audit: AuditLog

    def visited(self, visit: Visit, status: int | None) -> None:
        """Take note of a request that is over."""
        if visit.problem is not None:
            self.metrics.problems.labels(visit.problem.slug).inc()
        self.audit.visited(visit, status)

    def given_up(self, visit: Visit, error: Unread) -> None:
        """Tell of an answer that is no export, and that its client did not take."""
        self.metrics.aborts.labels(error.outcome).inc()
        fields = {"principal": visit.who, "address": visit.address, "path": visit.path[:200], "reason": str(error)}
        log.info("answer given up", extra={"fields": fields})

    async def recorded(self, order: Order, visit: Visit, chunks: AsyncGenerator[bytes]) -> AsyncGenerator[bytes]:
        """Pass the chunks on, and tell how the export ended.

        Raises:
            Problem: the audit log cannot be written; nothing has been read then.
        """
        record = Record(order, visit, self.metrics)
        outcome = Outcome("disconnected", "disconnected")
        try:
            await self.audit.begun(order, visit)
            async with aclosing(chunks) as source:
                async for chunk in source:
                    record.add(chunk)
                    yield chunk
                    del chunk  # not held while the next is made
            outcome = Outcome("succeeded")
        except Exception as error:
            outcome = outcome_of(error)
            raise
        finally:
            record.end(outcome)

    async def sample(self) -> None:
        """Keep the gauges up to date, and see how late the event loop is, until cancelled."""
        loop = asyncio.get_running_loop()
        while True:
            self.metrics.sample()
            due = loop.time() + _SAMPLE_SECONDS
            await asyncio.sleep(_SAMPLE_SECONDS)
            self.metrics.lag.observe(max(0.0, loop.time() - due))
