"""Starlette: `uvicorn starlette_app:app`, then http://127.0.0.1:8000/exports/."""

import os

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Mount, Route

from exporter import Dataset, Exporter, loopback

squares = Dataset(
    "squares",
    sql="SELECT i, i * i AS square FROM generate_series(1, :rows) i",
    parameters={"rows": {"type": "integer", "default": "100"}},
)
exports = Exporter(os.environ["DATABASE_URL"], [squares], authenticate=loopback)


async def ten(request: Request) -> Response:
    """Answer with an export at a URL of the application's own."""
    return exports.response(request, "squares", "csv", rows=10, filename="ten")


routes = [Route("/ten", ten), Mount("/exports", exports)]
app = exports.guard(Starlette(routes=routes, lifespan=exports.lifespan))
