"""A document becomes a file as a whole, or not at all."""

import asyncio
import errno
import hashlib
import os
import stat
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from exporter.exports import file
from exporter.exports.file import NotWritten, Stored, store

pytestmark = pytest.mark.anyio

MEBIBYTE = b"0123456789abcdef" * 2**16


async def chunks(*parts: bytes) -> AsyncIterator[bytes]:
    for part in parts:
        yield part


async def endless() -> AsyncIterator[bytes]:
    while True:
        yield MEBIBYTE


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir() if path.is_file()}


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    """A folder in which nothing is left but what has a name of its own."""
    made = tmp_path / "folder"
    made.mkdir()
    yield made
    assert [path.name for path in made.iterdir() if path.name.startswith(".")] == []


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of three mebibytes."""
    disk = tmp_path / "disk"
    disk.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=3m", "tmpfs", str(disk)]
    if subprocess.run(mount, check=False, capture_output=True).returncode:
        pytest.skip("may not mount a file system")
    try:
        yield disk
    finally:
        subprocess.run(["umount", disk], check=True)


async def test_a_file_has_every_byte_and_the_mode_of_the_umask(folder: Path) -> None:
    parts = (b"a", MEBIBYTE, b"b" * 3, MEBIBYTE[:-1], b"\n")
    stored = await store(chunks(*parts), folder / "x.csv")
    content = b"".join(parts)
    assert (folder / "x.csv").read_bytes() == content
    assert stored == Stored(len(content), hashlib.sha256(content).hexdigest())
    (folder / "other").touch()
    assert stat.S_IMODE((folder / "x.csv").stat().st_mode) == stat.S_IMODE((folder / "other").stat().st_mode)
    assert (folder / "x.csv").stat().st_nlink == 1


async def test_an_empty_document_is_an_empty_file(folder: Path) -> None:
    assert (await store(chunks(), folder / "x")).bytes == 0
    assert (folder / "x").read_bytes() == b""


async def test_nothing_has_the_name_before_all_of_it_is_on_the_disk(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    synced, fsync = [], os.fsync

    def watched(descriptor: int) -> None:
        is_folder = stat.S_ISDIR(os.fstat(descriptor).st_mode)
        synced.append(("folder" if is_folder else "file", (folder / "x").exists()))
        fsync(descriptor)

    monkeypatch.setattr(os, "fsync", watched)

    async def watching() -> AsyncIterator[bytes]:
        yield MEBIBYTE
        assert not (folder / "x").exists()
        yield b"end"

    await store(watching(), folder / "x")
    assert synced == [("file", False), ("folder", True)]


async def test_an_existing_file_is_kept_and_nothing_is_read(folder: Path) -> None:
    (folder / "x").write_bytes(b"before")
    asked = []

    async def unwanted() -> AsyncIterator[bytes]:
        asked.append(True)
        yield b"after"

    with pytest.raises(NotWritten, match="x: File exists: choose another name, or overwrite it"):
        await store(unwanted(), folder / "x")
    assert ((folder / "x").read_bytes(), asked) == (b"before", [])


@pytest.mark.parametrize("links", [True, False])
async def test_a_file_that_appears_meanwhile_is_kept(
    folder: Path, monkeypatch: pytest.MonkeyPatch, *, links: bool
) -> None:
    """Whether the file system has hard links or not."""
    if not links:
        monkeypatch.setattr(os, "link", lambda *_, **__: refuse(errno.EPERM))

    async def slower() -> AsyncIterator[bytes]:
        yield b"slower"
        (folder / "x").write_bytes(b"faster")

    with pytest.raises(NotWritten, match="File exists"):
        await store(slower(), folder / "x")
    assert (folder / "x").read_bytes() == b"faster"
    await store(chunks(b"first"), folder / "y")
    assert (folder / "y").read_bytes() == b"first"


def refuse(number: int) -> None:
    raise OSError(number, os.strerror(number))


async def test_overwriting_keeps_mode_and_place(folder: Path) -> None:
    (folder / "x").write_bytes(b"before")
    (folder / "x").chmod(0o600)
    (folder / "link").symlink_to("x")
    await store(chunks(b"after"), folder / "link", overwrite=True)
    assert (folder / "x").read_bytes() == b"after"
    assert (folder / "link").is_symlink()
    assert stat.S_IMODE((folder / "x").stat().st_mode) == 0o600


async def test_a_failure_leaves_what_was_there(folder: Path) -> None:
    (folder / "x").write_bytes(b"before")

    async def failing() -> AsyncIterator[bytes]:
        yield MEBIBYTE * 2
        raise LookupError("lost")

    with pytest.raises(LookupError):
        await store(failing(), folder / "x", overwrite=True)
    with pytest.raises(LookupError):
        await store(failing(), folder / "y")
    assert contents(folder) == {"x": b"before"}


@pytest.mark.parametrize("times", [1, 2])
async def test_a_cancellation_leaves_nothing(folder: Path, times: int) -> None:
    waits, leaving = asyncio.Event(), asyncio.Event()

    async def waiting() -> AsyncIterator[bytes]:
        yield MEBIBYTE
        waits.set()
        try:
            await asyncio.Event().wait()
        finally:
            leaving.set()

    task = asyncio.create_task(store(waiting(), folder / "x"))
    await waits.wait()
    assert len(contents(folder)) == 1
    for _ in range(times):
        task.cancel()
        await leaving.wait()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert contents(folder) == {}


@pytest.mark.parametrize("step", ["open", "write", "fsync"])
async def test_a_cancellation_while_a_thread_works_waits_for_it(
    folder: Path, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    """Otherwise the thread would make the file after it has been removed, or write into another one's descriptor."""
    task: asyncio.Task[Stored]
    loop = asyncio.get_running_loop()
    ended = []

    def cancelled_meanwhile() -> None:
        cancelled = asyncio.run_coroutine_threadsafe(cancel(), loop)
        cancelled.result()
        ended.append(task.done())

    async def cancel() -> None:
        task.cancel()
        await asyncio.sleep(0)
        await asyncio.sleep(0)

    if step == "fsync":
        monkeypatch.setattr(os, "fsync", lambda descriptor: cancelled_meanwhile())
        source = chunks(b"a")
    elif step == "open":
        opened = file._opened

        async def opening(temporary: Path, threads: object) -> object:
            await asyncio.to_thread(cancelled_meanwhile)
            return await opened(temporary, threads)  # type: ignore[arg-type]

        monkeypatch.setattr(file, "_opened", opening)
        source = chunks(b"a")
    else:
        monkeypatch.setattr(file, "in_thread", lambda *_: asyncio.to_thread(cancelled_meanwhile))
        source = chunks(MEBIBYTE)
    task = asyncio.create_task(store(source, folder / "x"))
    with pytest.raises(asyncio.CancelledError):
        await task
    assert ended == [False]
    assert contents(folder) == {}


async def test_a_full_disk_leaves_nothing(small_disk: Path) -> None:
    with pytest.raises(NotWritten, match="x: No space left on device: free some space"):
        await store(endless(), small_disk / "x")
    assert contents(small_disk) == {}
    (small_disk / "x").write_bytes(b"before")
    with pytest.raises(NotWritten):
        await store(endless(), small_disk / "x", overwrite=True)
    assert contents(small_disk) == {"x": b"before"}


@pytest.mark.parametrize("size", [100, 3 * 2**20])
def test_a_limit_of_size_leaves_nothing(folder: Path, size: int) -> None:
    """Also where only the buffer's flush meets it."""
    code = f"""
import asyncio, resource, sys
from pathlib import Path
from exporter.exports.file import store
resource.setrlimit(resource.RLIMIT_FSIZE, (50, resource.RLIM_INFINITY))
async def chunks():
    yield b"x" * {size}
asyncio.run(store(chunks(), Path(sys.argv[1])))
"""
    done = subprocess.run([sys.executable, "-c", code, folder / "x"], capture_output=True, text=True, check=False)
    assert "x: File too large: raise the limit of a file's size" in done.stderr.splitlines()[-1]
    assert contents(folder) == {}


async def test_a_disk_that_is_full_at_the_end_leaves_nothing(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As where space is allocated late (ext4, NFS): the write succeeds, and the fsync does not."""
    monkeypatch.setattr(os, "fsync", lambda descriptor: refuse(errno.ENOSPC))
    with pytest.raises(NotWritten, match="No space left"):
        await store(chunks(b"a"), folder / "x")
    assert contents(folder) == {}


async def test_places_that_no_file_can_have(folder: Path) -> None:
    (folder / "file").touch()
    os.mkfifo(folder / "pipe")
    (folder / "dangling").symlink_to("nowhere")
    for place, overwrite, reason in [
        (folder, False, "Is a directory: name a file in it"),
        (folder, True, "Is a directory: name a file in it"),
        (folder / "none" / "x", False, "No such file or directory: create the folder first"),
        (folder / "file" / "x", False, "Not a directory"),
        (folder / ("x" * 300), False, "File name too long"),
        (folder / "pipe", True, "Not a regular file: only a regular file can be replaced"),
        (folder / "dangling", False, "File exists"),
        (Path("/dev/null"), True, "Not a regular file"),
    ]:
        with pytest.raises(NotWritten) as raised:
            await store(chunks(b"a"), place, overwrite=overwrite)
        assert str(raised.value).startswith(f"{place}: {reason}")
    assert contents(folder) == {"file": b""}


def test_a_folder_that_may_not_be_written() -> None:
    code = """
import os
from pathlib import Path
from exporter.exports.file import NotWritten, check
if os.geteuid() == 0:
    os.setuid(65534)
try:
    check(Path("/x.csv"), overwrite=False)
except NotWritten as error:
    print(error)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "/x.csv: Permission denied: choose a folder in which you may write\n"
