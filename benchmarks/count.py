"""Counting the rows of a download by reading it."""

import shutil
from collections.abc import Callable
from http.client import HTTPResponse
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from benchmarks.service import Service


def rows(service: Service, path: str, extension: str, folder: Path) -> int:
    """Download once more and return how many rows the document holds; lineitem has no line breaks in its values."""
    with service.asked(path) as response:
        return _COUNTERS[extension](response, folder)


def _csv(response: HTTPResponse, folder: Path) -> int:
    return _lines(response, folder) - 1


def _lines(response: HTTPResponse, _folder: Path) -> int:
    lines = 0
    while chunk := response.read(2**20):
        lines += chunk.count(b"\n")
    return lines


def _parquet(response: HTTPResponse, folder: Path) -> int:
    path = folder / "counted.parquet"
    with path.open("wb") as file:
        shutil.copyfileobj(response, file)
    try:
        return int(pq.read_metadata(path).num_rows)
    finally:
        path.unlink()


def _arrow(response: HTTPResponse, _folder: Path) -> int:
    with pa.ipc.open_stream(response) as reader:
        return sum(batch.num_rows for batch in reader)


_COUNTERS: dict[str, Callable[[HTTPResponse, Path], int]] = {
    "csv": _csv,
    "ndjson": _lines,
    "parquet": _parquet,
    "arrows": _arrow,
}
