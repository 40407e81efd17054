"""The interface of formats and their encoders."""

from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum
from typing import Any, Protocol

import pyarrow as pa
from pydantic import BaseModel, ConfigDict


class Layout(Enum):
    """The layout in which a format needs its rows."""

    CSV = "csv"
    """Row-aligned blocks of the server's own CSV, as `bytes`, already in the dialect of the options."""

    TEXT = "text"
    """Record batches of string columns: PostgreSQL's text of each value, arrays and composites as JSON text."""

    TYPED = "typed"
    """Record batches whose columns have the Arrow types of the schema."""


@dataclass(frozen=True, slots=True)
class CsvDialect:
    """How the blocks of the CSV layout are written."""

    delimiter: str = ","
    """One ASCII character."""
    null: str = ""
    """What stands for NULL, unquoted."""


class Options(BaseModel):
    """The options of one format; in a query string they begin with an underscore (`header` is `_header`)."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    def content_type(self, media_type: str) -> str:
        """Return `media_type` with the parameters that depend on these options, for `Content-Type`."""
        return media_type

    def dialect(self) -> CsvDialect:
        """Return how to write the blocks of the CSV layout; unused by other layouts."""
        return CsvDialect()

    def escaped(self) -> str:
        """Return the first characters of texts that get an apostrophe; only for the CSV layout."""
        return ""


class UnsupportedSchemaError(ValueError):
    """The format cannot hold these columns; raised while the encoder is created, before any byte."""


class Encoder(Protocol):
    """Encodes the rows of one export.

    `header`, then any number of `prepare` → `write` pairs, then `finish`. `prepare` is called from several threads at
    once; `header`, `write` and `finish` are called one at a time and in the order of the rows, though not always on
    the same thread. An encoder that is dropped before `finish` leaves nothing behind.
    """

    def header(self) -> bytes:
        """Return what comes before the first row; called once, even if there are no rows."""

    def prepare(self, block: Any) -> Any:
        """Do the expensive, order-independent part of the work on a block of the format's layout. Thread-safe."""

    def write(self, prepared: Any) -> bytes:
        """Return the bytes that are ready after this block; may be empty if the format collects rows."""

    def finish(self) -> bytes:
        """Return what comes after the last row."""


class BlockEncoder:
    """Base of encoders whose `prepare` already returns the final bytes of a block, without a header or trailer."""

    def __init__(self, schema: pa.Schema, options: Options) -> None:
        self.schema = schema
        self.options = options

    def header(self) -> bytes:
        """Return nothing: the document begins with its first row."""
        return b""

    def write(self, prepared: bytes) -> bytes:
        """Return the prepared block unchanged."""
        return prepared

    def finish(self) -> bytes:
        """Return nothing: the document ends with its last row."""
        return b""


@dataclass(frozen=True, slots=True)
class Format:
    """A registered format: everything that the service must know to offer it."""

    name: str
    title: str
    extension: str
    media_types: tuple[str, ...]
    """Without parameters. The first is sent (see `content_type`); all are accepted in `Accept`."""
    layout: Layout
    options: type[Options]
    encoder: Callable[[pa.Schema, Any], Encoder]
    """Creates an encoder for one export from its schema and an instance of `options`.

    The schema's metadata describes the export (`bytes` to `bytes`). Raises `UnsupportedSchemaError`."""
    compressible: bool = True
    """Whether gzip or zstd around the whole document makes sense (False: the format has its own compression)."""
    unique_names: bool = False
    """Whether two columns of the same name make the document unreadable."""

    def content_type(self, options: Options) -> str:
        """Return the value of `Content-Type` for a document made with `options`."""
        return options.content_type(self.media_types[0])
