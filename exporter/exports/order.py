"""What a caller ordered."""

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
    """An export as it was asked for, validated as far as that needs no database."""

    dataset: Dataset
    arguments: Mapping[str, Value]
    """The value of every parameter, in the order of declaration."""
    format: Format | None = None
    """None orders record batches, without a document."""
    options: Options = field(default_factory=Options)
    """An instance of the format's own `options`."""
    columns: tuple[str, ...] | None = None
    """The columns wanted, in the order wanted; None means all."""
    limit: int | None = None
    ordered: bool = True
    """Whether the parts of a parallel scan come in the order of a single one."""
    compression: Compression | None = None
    """Of the document, whether as a content coding or as a compressed file."""
    bounds: Bounds = field(default_factory=Bounds)
    acting: Acting = field(default_factory=Acting)
    """On whose behalf the database is read."""
    dated: bool = False
    """Whether the run has to know its snapshot, which takes a statement. One whose schema goes to the reader always
    knows it."""
    id: UUID = field(default_factory=uuid7)

    @property
    def layout(self) -> Layout:
        """The shape in which the rows are needed."""
        return self.format.layout if self.format else Layout.TYPED

    @property
    def format_name(self) -> str:
        """The format's name, for whoever counts or tells."""
        return self.format.name if self.format else "batches"

    @property
    def reading_limit(self) -> int | None:
        """The most rows for one COPY to read: those wanted, or one more than there may be, so that it shows."""
        most = self.bounds.max_rows + 1 if self.bounds.max_rows else None
        return min((limit for limit in (self.limit, most) if limit is not None), default=None)
