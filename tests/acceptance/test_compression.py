"""Compression on the way, and compressed files."""

import gzip
import subprocess
import sys
import time
import zlib
from typing import TYPE_CHECKING

import pyarrow as pa
import pytest

from tests.acceptance.service import PATIENCE, Service

if TYPE_CHECKING:
    from collections.abc import Callable

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

DECODERS = {"gzip": gzip.decompress, "zstd": zstd.decompress}
COMPRESSIBLE = ["csv", "ndjson", "arrows"]


def same(extension: str, one: bytes, other: bytes) -> bool:
    """Compare documents; an Arrow stream names its export, and its batches end where the rows happened to pause."""
    if extension != "arrows":
        return one == other
    tables = [pa.ipc.open_stream(document).read_all() for document in (one, other)]
    return bool(tables[0].equals(tables[1]))


@pytest.mark.parametrize("extension", COMPRESSIBLE)
@pytest.mark.parametrize("coding", DECODERS)
def test_content_coding_decodes_to_the_document(service: Service, extension: str, coding: str) -> None:
    plain = service.curl(f"/datasets/big.{extension}")
    coded = service.curl(f"/datasets/big.{extension}", "-H", f"Accept-Encoding: {coding}")
    assert coded.headers["content-encoding"] == coding
    assert coded.headers["content-type"] == plain.headers["content-type"]
    assert len(coded.body) < len(plain.body) / 2
    assert same(extension, DECODERS[coding](coded.body), plain.body)


@pytest.mark.parametrize("extension", COMPRESSIBLE)
@pytest.mark.parametrize(("codec", "suffix"), [("gzip", "gz"), ("zstd", "zst")])
def test_compressed_file(service: Service, extension: str, codec: str, suffix: str) -> None:
    plain = service.curl(f"/datasets/big.{extension}")
    stored = service.curl(f"/datasets/big.{extension}?_compression={codec}", "-H", "Accept-Encoding: zstd, gzip")
    assert "content-encoding" not in stored.headers
    assert stored.headers["content-type"] == f"application/{codec}"
    assert stored.headers["content-disposition"].endswith(f'.{extension}.{suffix}"')
    assert same(extension, DECODERS[codec](stored.body), plain.body)


def test_curl_decodes_by_itself(service: Service) -> None:
    plain, decoded = (service.curl("/datasets/series.csv?rows=5000", *flags) for flags in ([], ["--compressed"]))
    assert decoded.headers["content-encoding"] in DECODERS
    assert decoded.body == plain.body


@pytest.mark.parametrize("accept", ["gzip;q=0, zstd;q=0", "identity", "br", "*", "gzip;q=0.5, identity"])
def test_no_coding_that_was_not_asked_for(service: Service, accept: str) -> None:
    assert "content-encoding" not in service.curl("/datasets/items.csv", "-H", f"Accept-Encoding: {accept}").headers


def test_the_coding_with_the_highest_weight_wins(service: Service) -> None:
    answer = service.curl("/datasets/items.csv", "-H", "Accept-Encoding: zstd;q=0.5, gzip;q=0.9")
    assert answer.headers["content-encoding"] == "gzip"


def test_parquet_is_never_compressed_again(service: Service) -> None:
    answer = service.curl("/datasets/items.parquet", "-H", "Accept-Encoding: gzip, zstd")
    assert "content-encoding" not in answer.headers
    assert answer.body.startswith(b"PAR1")


@pytest.mark.parametrize("coding", ["gzip", "zstd"])
@pytest.mark.parametrize("dataset", ["empty", "items"])
def test_small_documents_are_whole_when_compressed(service: Service, dataset: str, coding: str) -> None:
    plain = service.curl(f"/datasets/{dataset}.ndjson").body
    answer = service.curl(f"/datasets/{dataset}.ndjson", "-H", f"Accept-Encoding: {coding}")
    assert DECODERS[coding](answer.body) == plain


@pytest.mark.parametrize("coding", ["identity", "gzip", "zstd"])
@pytest.mark.parametrize("extension", ["csv", "ndjson"])
def test_rows_that_trickle_in_are_sent_as_they_come(service: Service, extension: str, coding: str) -> None:
    """The last of six rows comes a second after the first, which the reader has long decoded by then."""
    url = f"{service.url}/datasets/trickle.{extension}?rows=6"
    command = ["curl", "-sSN", "-H", f"Accept-Encoding: {coding}", "--max-time", str(PATIENCE), url]
    decode: dict[str, Callable[[bytes], bytes]] = {
        "identity": bytes,
        "gzip": zlib.decompressobj(31).decompress,
        "zstd": zstd.ZstdDecompressor().decompress,
    }
    first, last = {"csv": (b"\n1,", b"\n6,"), "ndjson": (b'{"i":1,', b'{"i":6,')}[extension]
    seen: dict[bytes, float] = {}
    text = b""
    with subprocess.Popen(command, stdout=subprocess.PIPE, bufsize=0) as curl:
        assert curl.stdout
        while part := curl.stdout.read(65536):
            text += decode[coding](part)
            for row in (first, last):
                if row in text:
                    seen.setdefault(row, time.monotonic())
    assert curl.returncode == 0
    assert seen[last] - seen[first] > 0.4
