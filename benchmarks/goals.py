"""What the project promises of its speed and memory, and whether a run kept it."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from benchmarks import contenders as c
from benchmarks.interleaved import Result
from benchmarks.measurements import Measurements
from benchmarks.results_table import ratio
from benchmarks.scenarios import small
from benchmarks.scenarios.memory import LONG, WHOLE, Export
from benchmarks.scenarios.stalled import Stalled
from benchmarks.tables import MIB

_JSON = (c.DUCKDB_JSON, c.DUCKDB_JSON_QUERY)
_RATES = (
    (c.CSV, (c.PSQL,), 1.4),
    (c.CSV_ONE, (c.PSQL,), 0.97),
    *((ours, _JSON, 1.5) for ours in (c.NDJSON, c.NDJSON_ONE)),
    *((ours, (c.ROW_TO_JSON,), 2.5) for ours in (c.NDJSON, c.NDJSON_ONE)),
    *((ours, (c.BY_HAND_JSON,), 7) for ours in (c.NDJSON, c.NDJSON_ONE)),
    (c.PARQUET, (c.DUCKDB,), 1.0),
    (c.PARQUET_ONE, (c.DUCKDB_QUERY,), 1.1),
    (c.PARQUET_ONE, (c.CONNECTORX,), 1.4),
    (c.PARQUET_ONE, (c.ADBC,), 2),
    *((ours, (c.ADBC_ARROW,), 1.8) for ours in (c.ARROW, c.ARROW_ONE)),
    *((ours, (c.BARE_COPY,), 0.95) for ours in (c.ARROW, c.ARROW_ONE)),
)
"""Rows per second of the first, divided by those of the fastest other, and the minimum ratio."""

_SMALL = 2
"""Requests per second of the service, divided by those of a hand-written service."""
_GROWTH_MIB = 80
_STALLED_MIB = 8
_SAME_MIB = 16
"""How much two sizes may differ and still count as the same: what allocators and thread timing make of one size."""
_SAME_RATE = 0.95
_FIRST_BYTE_MS = 20


@dataclass(frozen=True, slots=True)
class Goal:
    """A figure and its limit; without a figure (a contender was left out) it is neither met nor missed."""

    what: str
    value: float | None
    at_least: float | None = None
    at_most: float | None = None
    unit: str = ""

    @property
    def met(self) -> bool | None:
        """Whether the figure is within the limit."""
        if self.value is None:
            return None
        return (self.at_least is None or self.value >= self.at_least) and (
            self.at_most is None or self.value <= self.at_most
        )


def goals(found: Measurements) -> list[Goal]:
    """Hold the figures of the scenarios that were run against their goals."""
    first_byte = found.first_byte
    return [
        *_rates(found.exports),
        *_small(found.small),
        *_growths(found.memory),
        *_differences(found.memory),
        *_stalls(found.stalled),
        *(
            [Goal("first byte, median", first_byte.median * 1000, at_most=_FIRST_BYTE_MS, unit="ms")]
            if first_byte
            else []
        ),
    ]


def _rates(exports: Sequence[Result]) -> Iterator[Goal]:
    named = {result.name: result for result in exports}
    for ours, peers, least in _RATES if named else ():
        ratios = {peer: found for peer in peers if (found := ratio(named[ours], named[peer])) is not None}
        hardest = min(ratios, key=lambda peer: ratios[peer], default=peers[0])
        yield Goal(f"{ours} / {hardest}", ratios.get(hardest), at_least=least)


def _small(found: Sequence[small.Small]) -> Iterator[Goal]:
    rates = {(one.name, one.connections): one.rate for one in found}
    for connections in small.CONNECTIONS if found else ():
        ours, theirs = rates[small.OURS, connections], rates.get((small.BY_HAND, connections))
        what = f"exports of a thousand rows, {connections} at once, ours / {small.BY_HAND}"
        yield Goal(what, theirs and ours / theirs, at_least=_SMALL)


def _growths(memory: Sequence[Export]) -> Iterator[Goal]:
    for export in memory:
        what = f"memory over idle, {export.dataset}, {export.rows:,} rows, {export.extension}"
        yield Goal(what, export.growth / MIB, at_most=_GROWTH_MIB, unit="MiB")


def _differences(memory: Sequence[Export]) -> Iterator[Goal]:
    for extension in dict.fromkeys(one.extension for one in memory):
        by_size = {one.at_scale_1: one for one in memory if one.extension == extension and one.at_scale_1}
        smallest, largest = by_size[min(by_size)], by_size[max(by_size)]
        what = f"memory, {largest.rows:,} rows over {smallest.rows:,}, {extension}"
        yield Goal(what, (largest.growth - smallest.growth) / MIB, at_most=_SAME_MIB, unit="MiB")
        if LONG in by_size:
            what = f"rows a second, {by_size[LONG].rows:,} rows / {by_size[WHOLE].rows:,}, {extension}"
            yield Goal(what, by_size[LONG].rate / by_size[WHOLE].rate, at_least=_SAME_RATE)


def _stalls(stalled: Sequence[Stalled]) -> Iterator[Goal]:
    for one in stalled:
        value = one.held_each / MIB if one.holding == one.clients else None
        yield Goal(f"memory for each stalled client, {one.extension}", value, at_most=_STALLED_MIB, unit="MiB")
