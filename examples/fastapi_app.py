"""FastAPI: `uvicorn fastapi_app:app`, then http://127.0.0.1:8000/exports/."""

import os
from datetime import date

from fastapi import FastAPI, Request, Response

from exporter import Dataset, Exporter, loopback

days = Dataset(
    "days",
    sql="SELECT day::date FROM generate_series(:since, '2024-12-31'::timestamp, '1 day') day",
    parameters={"since": {"type": "date", "default": "2024-01-01"}},
)
exports = Exporter(os.environ["DATABASE_URL"], [days], authenticate=loopback)
api = FastAPI(lifespan=exports.lifespan)
api.mount("/exports", exports)


@api.get("/days/{since}")
async def days_since(request: Request, since: date) -> Response:
    """Answer with an export at a URL of the application's own; FastAPI has checked the date."""
    return exports.response(request, "days", "ndjson", since=since)


app = exports.guard(api)
