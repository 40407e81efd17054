"""What the host applications export."""

from exporter import Dataset

_ROWS = "(SELECT generate_series(1, {rows}) AS i) AS series"
_TEXT = "repeat(md5(i::text), 10) AS text"

LARGE_BYTES = 3_000_000 * 327
"""Of the dataset `large` as CSV, about."""

DATASETS = [
    Dataset("numbers", sql=f"SELECT i, {_TEXT} FROM {_ROWS.format(rows=10_000)}"),
    Dataset("large", sql=f"SELECT i, {_TEXT} FROM {_ROWS.format(rows=3_000_000)}"),
    Dataset("failing", sql=f"SELECT {_TEXT}, 1 / (20000 - i) AS one FROM {_ROWS.format(rows=40_000)}"),
]
