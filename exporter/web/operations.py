"""`GET /healthz`, `GET /readyz` and `GET /metrics`: for the service's operator."""

import asyncio

from velithon.requests import Request
from velithon.responses import Response

from exporter.access.principal import Principal
from exporter.http.endpoint import nothing_here
from exporter.http.negotiation import VARY
from exporter.telemetry.metrics import CONTENT_TYPE
from exporter.web.readiness import not_ready
from exporter.web.service import JSON, Service, json_response, offer


async def answer_health(service: Service, request: Request) -> Response:
    """Answer that the worker is running."""
    offer(request, JSON)
    return json_response({"status": "ok"})


async def answer_readiness(service: Service, request: Request) -> Response:
    """Answer whether an export could start now, and if not, why."""
    offer(request, JSON)
    checks = await service.ready.problems()
    if any(checks.values()):
        raise not_ready(checks)
    return json_response({"status": "ok", "checks": dict.fromkeys(checks, "ok")})


async def answer_metrics(service: Service, principal: Principal, request: Request) -> Response:
    """Answer with the metrics of all workers, or with "not found" for a caller who may not read them."""
    if not principal.metrics:
        return await nothing_here(request)
    offer(request, "text/plain")
    text = await asyncio.get_running_loop().run_in_executor(None, service.telemetry.metrics.exposition)
    return Response(text, headers={"cache-control": "no-store", "vary": VARY}, media_type=CONTENT_TYPE)
