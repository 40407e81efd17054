"""Litestar: `uvicorn litestar_app:app`, then http://127.0.0.1:8000/exports/."""

import os

from litestar import Litestar
from litestar.config.compression import CompressionConfig

from exporter import Dataset, Exporter, loopback

squares = Dataset("squares", sql="SELECT i, i * i AS square FROM generate_series(1, 100) i")
exports = Exporter(os.environ["DATABASE_URL"], [squares], authenticate=loopback, content_coding=True)

# Its own responses are compressed by Litestar, exports by the exporter.
app = Litestar(plugins=[exports.litestar("/exports")], compression_config=CompressionConfig("gzip"))
