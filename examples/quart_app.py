"""Quart: `hypercorn quart_app:app`, then http://127.0.0.1:8000/exports/."""

import os

from quart import Quart

from exporter import Dataset, Exporter, loopback

squares = Dataset("squares", sql="SELECT i, i * i AS square FROM generate_series(1, 100) i")
exports = Exporter(os.environ["DATABASE_URL"], [squares], authenticate=loopback)

app = Quart(__name__)
exports.quart(app, "/exports")


@app.get("/")
async def home() -> str:
    """Answer with a page of the application's own."""
    return '<a href="exports/">Exports</a>'
