"""Databases whose encoding is not UTF-8."""

import asyncio
from urllib.parse import urlsplit

import pyarrow as pa
import pytest

from queries.errors import QueryRejected
from tests.exporting import FORMATS, database, document, order
from tests.postgres import execute


@pytest.fixture(scope="module", params=["LATIN1", "SQL_ASCII"])
def encoded(request, server_url):
    name = f"encoded_{request.param.lower()}"
    options = f"TEMPLATE template0 ENCODING '{request.param}' LC_COLLATE 'C' LC_CTYPE 'C'"
    # A server may have another default provider, which does not know the encoding.
    asyncio.run(execute(server_url, f"DROP DATABASE IF EXISTS {name} WITH (FORCE)"))
    asyncio.run(execute(server_url, f"CREATE DATABASE {name} {options} LOCALE_PROVIDER libc"))
    yield request.param, urlsplit(server_url)._replace(path=f"/{name}").geturl()
    asyncio.run(execute(server_url, f"DROP DATABASE {name} WITH (FORCE)"))


@pytest.mark.anyio
async def test_text_is_utf8_or_refused_and_never_a_broken_document(encoded):
    encoding, dsn = encoded
    exporting = database(dsn)
    query = "SELECT chr(228) AS v" if encoding == "LATIN1" else "SELECT convert_from('\\xe4', 'SQL_ASCII') AS v"
    if encoding == "LATIN1":
        assert await document(exporting, order(query, "csv")) == "v\nä\n".encode()
        assert await document(exporting, order(query, "ndjson")) == '{"v":"ä"}\n'.encode()
        table = pa.ipc.open_stream(await document(exporting, order(query, "arrows"))).read_all()
        assert table["v"].to_pylist() == ["ä"]
    else:
        # Nothing of ours checks it any more: the server does, for every client that wants UTF-8.
        for extension in FORMATS:
            with pytest.raises(QueryRejected):
                await document(exporting, order(query, extension))
    await exporting.pool.close()
