"""An order: what to export."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from uuid import UUID

from exporter.exports.bounds import Bounds
from exporter.exports.compression import Compression
from exporter.exports.identifier import uuid7
from formats.encoder import Format, Layout, Options
from queries.acting import Acting
from queries.dataset import Dataset
from queries.declaration import Value


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """A request for an export, validated as far as possible without the database."""

    dataset: Dataset
    arguments: Mapping[str, Value]
    """The value of every parameter, in the order of declaration."""
    format: Format | None = None
    """None means record batches, without a document."""
    options: Options = field(default_factory=Options)
    """An instance of the format's own `options`."""
    columns: tuple[str, ...] | None = None
    """The columns to export, in this order; None means all."""
    limit: int | None = None
    ordered: bool = True
    """Whether the rows of a parallel scan keep the order of a single scan."""
    compression: Compression | None = None
    """The document's compression, either a content coding or of the file itself."""
    bounds: Bounds = field(default_factory=Bounds)
    acting: Acting = field(default_factory=Acting)
    """On whose behalf to read the database."""
    dated: bool = False
    """Whether the run must know its snapshot, which takes a statement. Formats whose schema reaches the reader always
    know its time."""
    id: UUID = field(default_factory=uuid7)

    @property
    def layout(self) -> Layout:
        """The layout in which the format needs the rows."""
        return self.format.layout if self.format else Layout.TYPED

    @property
    def format_name(self) -> str:
        """The format's name for logs and metrics."""
        return self.format.name if self.format else "batches"

    @property
    def reading_limit(self) -> int | None:
        """The most rows for one COPY to read: the order's limit, or one more than allowed, to detect an excess."""
        most = self.bounds.max_rows + 1 if self.bounds.max_rows else None
        return min((limit for limit in (self.limit, most) if limit is not None), default=None)
