"""An export through a running service."""

import asyncio
import json
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing, asynccontextmanager
from dataclasses import dataclass
from http.client import HTTPResponse
from pathlib import Path
from typing import Self
from urllib.parse import quote, urlencode

from exporter.commands.exits import Exit, Stopped
from exporter.commands.exporting.asked import Asked
from exporter.commands.exporting.document import Document, Opening, Told, is_text
from exporter.commands.exporting.performing import Telling
from exporter.commands.exporting.server import Exchange, Server, server_at
from exporter.commands.exporting.target import Target, target_of
from exporter.exports.compression import FILES
from exporter.problems import Problem, ProblemType
from queries.parameters import suggestion

_PART = 2**16

_COMPRESSED = {media_type for _, media_type in FILES.values()}


@dataclass(frozen=True, slots=True)
class Remote:
    """A running service."""

    server: Server

    @classmethod
    def at(cls, url: str, key_file: Path | None) -> Self:
        """Read where it is, and the key for it.

        Raises:
            Stopped: one of them is wrong.
        """
        return cls(server_at(url, key_file))

    def help(self, name: str) -> None:
        """See `Place`."""
        from exporter.commands.exporting import listing
        from formats import registry

        dataset = found(asyncio.run(described(self.server)), name)
        listing.show([listing.of_description(dataset), *listing.of_formats(registry.load())])

    def arrange(self, asked: Asked, telling: Telling, *, overwrite: bool) -> tuple[Opening, Target]:
        """See `Place`."""
        dataset = found(asyncio.run(described(self.server)), asked.name)
        extension = asked.extension(dataset["formats"])
        target = target_of(asked.target, asked.name, extension, overwrite=overwrite)
        target.check()
        return opened(self.server, path_of(asked, dataset, extension), extension), target


async def described(server: Server) -> list[Told]:
    """Return what the service tells of each dataset that the key may read.

    Raises:
        Problem: the service refuses, or does not answer.
    """
    exchange = Exchange(server)
    try:
        response = await exchange.get(server.path("/datasets"))
        body = b"".join([part async for part in _parts(exchange, response)])
    finally:
        await exchange.close()
    try:
        datasets: list[Told] = json.loads(body)["datasets"]
    except (ValueError, KeyError, TypeError) as error:
        raise Problem(ProblemType.NOT_READY, f"{server.url.netloc} is not an exporter.") from error
    return datasets


def found(datasets: list[Told], name: str) -> Told:
    """Return the description of a dataset.

    Raises:
        Stopped: there is none of the name.
    """
    named = {dataset["name"]: dataset for dataset in datasets}
    if name not in named:
        hint = suggestion(name, named) or " that you may read; the service lists them at /datasets"
        raise Stopped(Exit.UNKNOWN, f"there is no dataset {name}{hint}")
    return named[name]


def path_of(asked: Asked, dataset: Told, extension: str) -> str:
    """Return the path and query of an export, below the service's own path."""
    parameters = [parameter["name"] for parameter in dataset["parameters"]]
    compressible = is_text(dataset["formats"][extension]["media_type"])
    arguments, options = asked.split(parameters, compressible=compressible)
    items = arguments | {f"_{name}": values for name, values in options.items()}
    query = "?" + urlencode(items, doseq=True) if items else ""
    return f"/datasets/{quote(asked.name)}.{quote(extension)}{query}"


@asynccontextmanager
async def opened(server: Server, path: str, extension: str) -> AsyncIterator[Document]:
    """Ask a service for an export.

    Raises:
        Problem: it refuses; raised by the document's chunks, the body was cut.
    """
    exchange = Exchange(server)
    try:
        response = await exchange.get(server.path(path))
        if not response.chunked and response.length is None:
            # Its end would look like that of a connection that broke.
            raise Problem(ProblemType.NOT_READY, "The response has neither a length nor chunks: a proxy changes it.")
        media_type = response.headers.get_content_type()
        async with aclosing(_parts(exchange, response)) as parts:
            yield Document(
                id=response.headers.get("Export-Id", ""),
                format=extension,
                media_type=media_type,
                compressed=media_type in _COMPRESSED,
                chunks=parts,
            )
    finally:
        await exchange.close()


async def _parts(exchange: Exchange, response: HTTPResponse) -> AsyncGenerator[bytes]:
    while part := await exchange.read(response, _PART):
        yield part
