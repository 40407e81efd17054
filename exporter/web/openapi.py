"""`GET /openapi.json`."""

from functools import partial

from velithon.requests import Request
from velithon.responses import Response

from exporter.access.principal import Principal
from exporter.http.rsgi import root_path_of
from exporter.web import openapi_document
from exporter.web.service import JSON, Service, json_response, offer


async def answer(service: Service, principal: Principal, request: Request) -> Response:
    """Answer with the OpenAPI document."""
    offer(request, JSON)
    root_path = root_path_of(request.scope)
    make = partial(openapi_document.document, root_path=root_path)
    return json_response(await service.document(f"openapi {root_path}", make, principal))
