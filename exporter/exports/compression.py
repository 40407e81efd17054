"""Compressors for response bodies: content codings, and compressed files."""

import sys
from collections.abc import Callable
from typing import Literal, Protocol, TypeAlias

from isal import isal_zlib

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

_GZIP_WINDOW = 31
"""zlib's largest window, plus 16 for the gzip wrapper (zlib manual, deflateInit2)."""


class Compressor(Protocol):
    """Compresses one document; called from one thread at a time."""

    def compress(self, chunk: bytes) -> bytes:
        """Return the compressed chunk, flushed so that the receiver can decode all of it at once."""

    def finish(self) -> bytes:
        """Return the end of the compressed document."""


class Gzip:
    """gzip (RFC 1952) with ISA-L, level 1: several times as fast as zlib with nearly the same ratio."""

    def __init__(self) -> None:
        self._stream = isal_zlib.compressobj(level=1, wbits=_GZIP_WINDOW)

    def compress(self, chunk: bytes) -> bytes:
        """Return the chunk compressed and flushed."""
        compressed: bytes = self._stream.compress(chunk) + self._stream.flush(isal_zlib.Z_SYNC_FLUSH)
        return compressed

    def finish(self) -> bytes:
        """Return the gzip trailer."""
        trailer: bytes = self._stream.flush(isal_zlib.Z_FINISH)
        return trailer


class Zstandard:
    """Zstandard (RFC 8878), level 1."""

    def __init__(self) -> None:
        self._stream = zstd.ZstdCompressor(level=1)

    def compress(self, chunk: bytes) -> bytes:
        """Return the chunk compressed and flushed."""
        return self._stream.compress(chunk, zstd.ZstdCompressor.FLUSH_BLOCK)

    def finish(self) -> bytes:
        """Return the end of the frame."""
        return self._stream.flush(zstd.ZstdCompressor.FLUSH_FRAME)


Compression: TypeAlias = Literal["gzip", "zstd"]

COMPRESSORS: dict[Compression, Callable[[], Compressor]] = {"zstd": Zstandard, "gzip": Gzip}
"""Compressors by content coding, the preferred one first."""

FILES: dict[Compression, tuple[str, str]] = {"gzip": (".gz", "application/gzip"), "zstd": (".zst", "application/zstd")}
"""A compressed file's extra extension and media type."""
