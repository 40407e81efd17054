"""What the project promises of its speed and memory, and whether a run kept it."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from benchmarks import contenders
from benchmarks.bench import EXTENSIONS
from benchmarks.scenarios.exports import Result
from benchmarks.scenarios.first_byte import FirstByte
from benchmarks.scenarios.memory import WHOLE, Export
from benchmarks.scenarios.stalled import Stalled

_RATES = (
    (contenders.CSV, contenders.PSQL, 0.93),
    (contenders.NDJSON, contenders.ROW_TO_JSON, 2.0),
    (contenders.PARQUET, contenders.ADBC, 1.3),
    (contenders.ARROW, contenders.BARE_COPY, 0.9),
)
"""Rows a second of the first, divided by those of the second, and the least that it should be."""

_GROWTH_MIB = 100
_STALLED_MIB = 16
_SAME_MIB = 16
"""How much two sizes may differ and still count as the same: what allocators and thread timing make of one size."""
_FIRST_BYTE_MS = 20
_MIB = 2**20


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


def ratio(ours: Result, peer: Result) -> float | None:
    """Return how many times as fast ours is."""
    return ours.rate / peer.rate if ours.rate and peer.rate else None


def goals(
    exports: Iterable[Result], memory: Sequence[Export], stalled: Sequence[Stalled], first_byte: FirstByte
) -> list[Goal]:
    """Hold the figures against every goal."""
    named = {result.name: result for result in exports}
    return [
        *(Goal(f"{ours} / {peer}", ratio(named[ours], named[peer]), at_least=least) for ours, peer, least in _RATES),
        *_growths(memory),
        *_differences(memory),
        *_stalls(stalled),
        Goal("first byte, median", first_byte.median * 1000, at_most=_FIRST_BYTE_MS, unit="ms"),
    ]


def _growths(memory: Sequence[Export]) -> Iterator[Goal]:
    for export in memory:
        if export.at_scale_1 == WHOLE:
            what = f"memory over idle, {export.rows:,} rows, {export.extension}"
            yield Goal(what, export.growth / _MIB, at_most=_GROWTH_MIB, unit="MiB")


def _differences(memory: Sequence[Export]) -> Iterator[Goal]:
    for extension in EXTENSIONS:
        exports = sorted((one for one in memory if one.extension == extension), key=lambda one: one.rows)
        smallest, largest = exports[0], exports[-1]
        what = f"memory, {largest.rows:,} rows over {smallest.rows:,}, {extension}"
        yield Goal(what, (largest.growth - smallest.growth) / _MIB, at_most=_SAME_MIB, unit="MiB")


def _stalls(stalled: Sequence[Stalled]) -> Iterator[Goal]:
    for one in stalled:
        value = one.held_each / _MIB if one.holding == one.clients else None
        yield Goal(f"memory for each stalled client, {one.extension}", value, at_most=_STALLED_MIB, unit="MiB")
