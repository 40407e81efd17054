"""The measurements of a run, by scenario."""

from dataclasses import dataclass, field

from benchmarks.interleaved import Result
from benchmarks.scenarios.compression import Compressed
from benchmarks.scenarios.first_byte import FirstByte
from benchmarks.scenarios.memory import Export
from benchmarks.scenarios.scaling import Scaled
from benchmarks.scenarios.several import Several
from benchmarks.scenarios.small import Small
from benchmarks.scenarios.stalled import Stalled


@dataclass(kw_only=True, slots=True)
class Measurements:
    """By scenario; empty if it was not run."""

    exports: list[Result] = field(default_factory=list)
    mixed: list[Result] = field(default_factory=list)
    memory: list[Export] = field(default_factory=list)
    several: list[Several] = field(default_factory=list)
    stalled: list[Stalled] = field(default_factory=list)
    small: list[Small] = field(default_factory=list)
    compression: list[Compressed] = field(default_factory=list)
    scaling: list[Scaled] = field(default_factory=list)
    first_byte: FirstByte | None = None
