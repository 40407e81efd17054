"""Velithon: `granian --interface asgi --loop uvloop velithon_app:app`, then http://127.0.0.1:8000/exports/."""

import os

from velithon import Velithon
from velithon.requests import Request
from velithon.responses import Response

from exporter import Dataset, Exporter, loopback

squares = Dataset(
    "squares",
    sql="SELECT i, i * i AS square FROM generate_series(1, :rows) i",
    parameters={"rows": {"type": "integer", "default": "100"}},
)
exports = Exporter(os.environ["DATABASE_URL"], [squares], authenticate=loopback)
application = Velithon()


@application.get("/ten")
async def ten(request: Request) -> Response:
    """Answer with an export at a URL of the application's own."""
    return exports.response(request, "squares", "csv", rows=10)


app = exports.velithon(application, "/exports")  # serve this, not the Velithon application
