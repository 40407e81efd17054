"""The paths and their resources."""

from collections.abc import Awaitable, Callable
from functools import partial
from typing import TypeAlias

from velithon.requests import Request
from velithon.responses import Response
from velithon.routing import Route

from exporter.access.principal import Principal
from exporter.http.endpoint import Endpoint
from exporter.web import datasets, openapi, operations
from exporter.web.pages import home
from exporter.web.service import Service

Closed: TypeAlias = Callable[[Service, Principal, Request], Awaitable[Response]]

_CLOSED: dict[str, Closed] = {
    "/": home.answer,
    "/datasets": datasets.answer_list,
    "/datasets/{name}": datasets.answer,
    "/openapi.json": openapi.answer,
    "/metrics": operations.answer_metrics,
}


def routes(service: Service) -> list[Route]:
    """Return the guarded routes; only health and readiness need no authentication."""
    answers = {path: partial(_authenticated, service, answer) for path, answer in _CLOSED.items()}
    answers |= {
        "/healthz": partial(operations.answer_health, service),
        "/readyz": partial(operations.answer_readiness, service),
    }
    return [Route(path, Endpoint(answer)) for path, answer in answers.items()]


async def _authenticated(service: Service, answer: Closed, request: Request) -> Response:
    return await answer(service, await service.principal(request), request)
