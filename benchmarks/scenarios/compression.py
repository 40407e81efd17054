"""What compressing the transfer costs and saves."""

import json
from dataclasses import dataclass
from statistics import median

from benchmarks.bench import Bench
from benchmarks.measure import cpu
from benchmarks.measure import run as run_client
from benchmarks.programs import curl
from benchmarks.progress import say
from benchmarks.service import Service, running
from benchmarks.tables import figure, table

TITLE = "Compressed transfers"
_FORMATS = ("csv", "ndjson")
CODINGS = ("identity", "gzip", "zstd")

_ROWS = 1_000_000


@dataclass(frozen=True, slots=True)
class Compressed:
    """A format under a content coding; medians."""

    extension: str
    coding: str
    seconds: float
    bytes: int
    """As transferred."""
    plain: int
    """Bytes without compression."""
    service_cpu: float


def run(bench: Bench) -> list[Compressed]:
    """Export in every coding by turns."""
    rows = bench.scaled(_ROWS)
    found: dict[tuple[str, str], list[tuple[float, int, float]]] = {}
    with running(bench.database.url, parallel=1) as service:
        for number in range(bench.options.rounds):
            say(f"round {number + 1} of {bench.options.rounds}: compressed transfers")
            for extension in _FORMATS:
                for coding in CODINGS:
                    once = _once(service, f"/datasets/rows.{extension}?rows={rows}", coding)
                    found.setdefault((extension, coding), []).append(once)
    medians = {key: [median(values) for values in zip(*runs, strict=True)] for key, runs in found.items()}
    return [
        Compressed(extension, coding, seconds, round(size), round(medians[extension, "identity"][1]), spent)
        for (extension, coding), (seconds, size, spent) in medians.items()
    ]


def _once(service: Service, path: str, coding: str) -> tuple[float, int, float]:
    before = cpu(service.process)
    told = json.loads(run_client(curl(service.url + path, "/dev/null", "-H", f"Accept-Encoding: {coding}")).output)
    return told["seconds"], told["bytes"], cpu(service.process) - before


def markdown(found: list[Compressed]) -> str:
    """Show speed by bytes before compression."""
    heads = ("transfer", "wall s", "MB/s before compression", "plain / transferred", "CPU s service")
    rows = (
        (
            f"{one.extension}, {one.coding}",
            figure(one.seconds, 1, 2),
            figure(one.plain / one.seconds, 10**6, 0),
            figure(one.plain / one.bytes),
            figure(one.service_cpu, 1, 2),
        )
        for one in found
    )
    return table(heads, rows)
