"""The headers that answers have, and a path of each kind of answer."""

EVERYWHERE = {
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "referrer-policy": "no-referrer",
    "x-content-type-options": "nosniff",
}


ANSWERS = [
    "/",
    "/datasets",
    "/datasets/items",
    "/datasets/items.csv",
    "/datasets/items.parquet",
    "/datasets/items.csv?_limit=x",
    "/datasets/none",
    "/nothing",
    "/healthz",
    "/readyz",
    "/openapi.json",
]


SAFELISTED = {"cache-control", "content-language", "content-length", "content-type", "expires", "last-modified"}
"""Any page may read these (Fetch standard: CORS-safelisted response-header name)."""


TRANSPORT = {"connection", "date", "server", "transfer-encoding", "x-accel-buffering"}
