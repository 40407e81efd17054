"""Where an export goes: a file, or standard output."""

import asyncio
import hashlib
import os
import re
import sys
from collections.abc import AsyncIterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from exporter.commands.exits import Exit, Stopped
from exporter.commands.exporting.document import Document
from exporter.exports import file
from exporter.exports.file import Stored

_STDOUT = 1

_PLACE = re.compile(r"\{([^{}]*)\}")


class PipeClosed(Exception):
    """The reader of standard output has stopped reading."""


@dataclass(frozen=True, slots=True)
class Target:
    """A file, or standard output."""

    path: Path | None
    overwrite: bool

    def check(self) -> None:
        """Make sure that the file can be written, before anything is read.

        Raises:
            NotWritten: it cannot.
        """
        if self.path is not None:
            file.check(self.path, overwrite=self.overwrite)

    async def take(self, document: Document) -> Stored:
        """Write all of a document.

        Raises:
            NotWritten: the file cannot be written.
            PipeClosed: nobody reads standard output any more.
            Stopped: standard output cannot be written, or is a terminal that cannot show the document.
        """
        if self.path is not None:
            return await file.store(document.counted(), self.path, overwrite=self.overwrite)
        if sys.stdout.isatty() and not document.is_text:
            raise Stopped(
                Exit.USAGE,
                "binary output would garble your terminal: name a file (--output), or pipe it into another program",
            )
        return await _poured(document.counted())


def target_of(template: Path | None, dataset: str, extension: str, *, overwrite: bool) -> Target:
    """Return the target that a template names; UTC's date stands for `{date}`.

    Raises:
        Stopped: the template has another place to fill in.
    """
    if template is None:
        return Target(None, overwrite)
    values = {"dataset": dataset, "date": datetime.now(UTC).date().isoformat(), "format": extension}
    unknown = [name for name in _PLACE.findall(str(template)) if name not in values]
    if unknown:
        known = ", ".join(f"{{{name}}}" for name in values)
        raise Stopped(Exit.USAGE, f"--output: {{{unknown[0]}}} is unknown; there are {known}")
    return Target(Path(_PLACE.sub(lambda place: values[place[1]], str(template))), overwrite)


async def _poured(chunks: AsyncIterable[bytes]) -> Stored:
    """Write chunks to standard output, each as it comes.

    A cancellation does not wait for the thread, which writes for as long as nobody reads: the process has to end.
    """
    digest, size, loop = hashlib.sha256(), 0, asyncio.get_running_loop()
    threads = ThreadPoolExecutor(1, thread_name_prefix="stdout")
    try:
        async for chunk in chunks:
            size += len(chunk)
            digest.update(chunk)
            await loop.run_in_executor(threads, _write, chunk)
    except BrokenPipeError:
        raise PipeClosed from None
    except OSError as error:
        raise Stopped(Exit.NOT_WRITTEN, f"standard output: {error.strerror}") from error
    finally:
        threads.shutdown(wait=False)
    return Stored(size, digest.hexdigest())


def _write(chunk: bytes) -> None:
    rest = memoryview(chunk)
    while rest:
        rest = rest[os.write(_STDOUT, rest) :]
