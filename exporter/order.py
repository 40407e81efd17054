"""What a caller ordered."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from uuid import UUID

from exporter.access.principal import Principal
from exporter.compression import Compressor
from exporter.limits.bounds import Bounds
from exporter.telemetry.progress import Progress
from formats.encoder import Format, Options
from queries.dataset import Dataset
from queries.declaration import Value


@dataclass(frozen=True, slots=True)
class Order:
    """An export as it was asked for, validated as far as that needs no database."""

    id: UUID
    principal: Principal
    dataset: Dataset
    arguments: Mapping[str, Value]
    """The value of every parameter, in the order of declaration."""
    format: Format
    options: Options
    columns: tuple[str, ...] | None = None
    """The columns wanted, in the order wanted; None means all."""
    limit: int | None = None
    ordered: bool = True
    """Whether the parts of a parallel scan come in the order of a single one."""
    compressor: Callable[[], Compressor] | None = None
    """Makes the compressor of the body, whether as a content coding or as a compressed file."""
    bounds: Bounds = field(default_factory=Bounds)
    progress: Progress = field(default_factory=Progress, compare=False)

    @property
    def reading_limit(self) -> int | None:
        """The most rows for one COPY to read: those wanted, or one more than there may be, so that it shows."""
        most = self.bounds.max_rows + 1 if self.bounds.max_rows else None
        return min((limit for limit in (self.limit, most) if limit is not None), default=None)
