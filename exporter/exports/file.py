"""A document into a file, all of it or nothing."""

import asyncio
import errno
import hashlib
import os
import secrets
import stat
from collections.abc import AsyncGenerator, AsyncIterable, AsyncIterator, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import aclosing, asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

import aiofiles
from aiofiles.threadpool.binary import AsyncBufferedIOBase

from exporter.exports.to_the_end import both, in_thread, to_the_end

if TYPE_CHECKING:
    from exporter.exports.run import Run

File: TypeAlias = AsyncBufferedIOBase

_PIECE = 2**20
"""Bytes that are written and hashed at once; a thread's turn costs about as much as a tenth of that."""

_NO_LINKS = (errno.EPERM, errno.ENOTSUP, errno.ENOSYS)
"""What a file system without hard links answers, such as FAT (link(2))."""

_REMEDIES = {
    errno.EEXIST: "choose another name, or overwrite it",
    errno.ENOENT: "create the folder first",
    errno.EISDIR: "name a file in it",
    errno.ENOSPC: "free some space, or choose another disk",
    errno.EDQUOT: "free some space, or choose another disk",
    errno.EFBIG: "raise the limit of a file's size (ulimit -f), or choose another file system",
    errno.EACCES: "choose a folder in which you may write",
    errno.EPERM: "choose a folder in which you may write",
    errno.EROFS: "choose a folder in which you may write",
    errno.EINVAL: "only a regular file can be replaced: write to standard output instead",
}


class NotWritten(Exception):
    """A file could not be written. Its text names the path, the reason and what to do."""

    def __init__(self, path: Path, number: int) -> None:
        """Take the path that was asked for and the system's error number."""
        reason = "Not a regular file" if number == errno.EINVAL else os.strerror(number)
        remedy = f": {_REMEDIES[number]}" if number in _REMEDIES else ""
        super().__init__(f"{path}: {reason}{remedy}")
        self.path = path
        self.errno = number


@dataclass(frozen=True, slots=True)
class Stored:
    """What is in a file."""

    bytes: int
    sha256: str
    """In hexadecimal."""


@dataclass(frozen=True, slots=True)
class Written:
    """What is in a file of an export."""

    rows: int
    bytes: int
    sha256: str


async def write(run: "Run", path: Path, *, overwrite: bool = False) -> Written:
    """Write the document of a run that has been entered. See `store`.

    Raises:
        NotWritten: the file cannot be written.
        Problem: the export failed.
    """
    async with aclosing(run.chunks()) as chunks:
        stored = await store(chunks, path, overwrite=overwrite)
    return Written(run.progress.rows, stored.bytes, stored.sha256)


async def store(chunks: AsyncIterable[bytes], path: Path, *, overwrite: bool = False) -> Stored:
    """Write chunks into a file, which appears under its name when it is whole and on the disk.

    Whatever fails before leaves nothing, and an existing file as it was. A file that is overwritten keeps its mode and,
    behind a symbolic link, its place; a new one has the mode that the umask leaves it. A cancellation waits for the
    write that is under way.

    Raises:
        NotWritten: the file cannot be written, or exists and is not to be overwritten.
    """
    target = check(path, overwrite=overwrite)
    with ThreadPoolExecutor(2, thread_name_prefix="file") as threads:
        async with _temporary(path, target, threads) as (file, temporary):
            stored = await _filled(file, chunks, path, threads)
            with _told(path):
                # In the event loop's own thread: a file that has its name can no longer be cancelled.
                _name(temporary, target, overwrite=overwrite)
        with _told(path):
            await to_the_end(in_thread(threads, _sync_folder, target.parent))
    return stored


def check(path: Path, *, overwrite: bool) -> Path:
    """Make sure, as far as that can be known before, that the file can be written; return its place.

    Raises:
        NotWritten: it cannot.
    """
    mode = None
    with _told(path), suppress(FileNotFoundError):
        mode = path.stat().st_mode if overwrite else path.lstat().st_mode
    if mode is not None and (stat.S_ISDIR(mode) or not overwrite):
        raise NotWritten(path, errno.EISDIR if stat.S_ISDIR(mode) else errno.EEXIST)
    if mode is not None and not stat.S_ISREG(mode):
        raise NotWritten(path, errno.EINVAL)
    target = Path(os.path.realpath(path)) if overwrite else path
    if not target.parent.is_dir():
        raise NotWritten(path, errno.ENOENT)
    if not os.access(target.parent, os.W_OK | os.X_OK):
        raise NotWritten(path, errno.EACCES)
    return target


@contextmanager
def _told(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise NotWritten(path, error.errno or errno.EIO) from error


@asynccontextmanager
async def _temporary(path: Path, target: Path, threads: ThreadPoolExecutor) -> AsyncIterator[tuple[File, Path]]:
    """Open a new file beside the target; in the end remove that name, and close it."""
    temporary = target.with_name(f".exporter-{secrets.token_hex(8)}.part")
    opening = asyncio.ensure_future(_opened(temporary, threads))
    try:
        with _told(path):
            file = await to_the_end(opening)
            _keep_mode(file.fileno(), target)
        yield file, temporary
    finally:
        with suppress(OSError):
            temporary.unlink(missing_ok=True)
        with suppress(OSError):  # what is not written by now belongs to a file that is not wanted
            await to_the_end(_close(opening))


def _keep_mode(descriptor: int, target: Path) -> None:
    """Give a file the mode of the one that it will replace: what others may not read must not become readable."""
    with suppress(FileNotFoundError):
        os.fchmod(descriptor, target.stat().st_mode & 0o777)


async def _opened(temporary: Path, threads: ThreadPoolExecutor) -> File:
    return await aiofiles.open(temporary, "xb", executor=threads)


async def _close(opening: asyncio.Future[File]) -> None:
    """Close what was opened, also if nobody waited for it."""
    await (await opening).close()


async def _filled(file: File, chunks: AsyncIterable[bytes], path: Path, threads: ThreadPoolExecutor) -> Stored:
    """Write the chunks and bring them to the disk."""
    digest, size = hashlib.sha256(), 0
    async with aclosing(_pieces(chunks)) as pieces:
        async for piece in pieces:
            size += len(piece)
            with _told(path):
                await to_the_end(both(file.write(piece), in_thread(threads, digest.update, piece)))
    with _told(path):
        await to_the_end(file.flush())
        await to_the_end(in_thread(threads, os.fsync, file.fileno()))
    return Stored(size, digest.hexdigest())


async def _pieces(chunks: AsyncIterable[bytes]) -> AsyncGenerator[bytes]:
    """Yield the chunks in pieces that are worth a thread's turn."""
    piece, size = list[bytes](), 0
    async for chunk in chunks:
        piece.append(chunk)
        size += len(chunk)
        if size >= _PIECE:
            yield b"".join(piece)
            piece, size = [], 0
    if piece:
        yield b"".join(piece)


def _name(temporary: Path, target: Path, *, overwrite: bool) -> None:
    """Give the file its name, without `overwrite` only if nothing has it."""
    if overwrite:
        temporary.replace(target)
        return
    try:
        target.hardlink_to(temporary)
    except OSError as error:
        if error.errno not in _NO_LINKS:
            raise
        # Whoever comes later finds the name taken; the empty file is there for a moment only.
        target.touch(exist_ok=False)
        temporary.replace(target)


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
