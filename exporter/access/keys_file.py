"""The keys file: read as long as it is its owner's alone, and replaced as a whole."""

import fcntl
import os
import tempfile
import tomllib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import tomli_w

from exporter.access.key import Key, keys_of
from exporter.private_file import wrong_mode, wrong_owner

_HEADER = "# Written by `exporter keys`, which keeps no comments.\n\n"


class KeysFileError(Exception):
    """The keys file cannot be used, and why."""


def read(path: Path, *, to_manage: bool = False) -> dict[str, Key]:
    """Return the keys by their names.

    Args:
        path: the file.
        to_manage: whether nobody is let in by them, so that root may have them for the service's user.

    Raises:
        KeysFileError: there is no such file, others than its owner may use it, it is another user's, or it is wrong.
        OSError: it cannot be read now.
    """
    try:
        with path.open("rb") as stream:
            status = os.fstat(stream.fileno())
            wrong = wrong_mode(path, status) or (None if to_manage else wrong_owner(path, status))
            if wrong:
                raise KeysFileError(wrong)
            return keys_of(tomllib.load(stream))
    except FileNotFoundError as error:
        raise KeysFileError(f"{path} does not exist; create it with `exporter keys create`") from error
    except (ValueError, RecursionError) as error:  # tomllib's own errors and those of UTF-8 are ValueErrors
        raise KeysFileError(f"{path}: {error}") from error


@contextmanager
def changing(path: Path) -> Iterator[dict[str, Key]]:
    """Yield the keys to be changed, and write them at the end of the block, unless it raises.

    One process at a time: others wait. Readers see the keys of before or of after.

    Raises:
        KeysFileError: as `read`; but a file that does not exist has no keys.
        OSError: it cannot be read or written.
    """
    path = path.resolve()  # what a link points to is replaced, not the link
    folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY)
    try:
        fcntl.flock(folder, fcntl.LOCK_EX)  # the file itself is another one after each change
        keys = read(path, to_manage=True) if path.exists() else {}
        yield keys
        _replace(path, keys)
        os.fsync(folder)
    finally:
        os.close(folder)


def _replace(path: Path, keys: Mapping[str, Key]) -> None:
    tables = {name: key.model_dump(exclude_none=True) for name, key in sorted(keys.items())}
    descriptor, name = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)  # of mode 0600
    try:
        with os.fdopen(descriptor, "wb") as stream:
            _keep_owner(path, descriptor)
            stream.write((_HEADER + tomli_w.dumps({"keys": tables})).encode())
            stream.flush()
            os.fsync(descriptor)
        Path(name).replace(path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise


def _keep_owner(path: Path, descriptor: int) -> None:
    """Leave the file to whoever had it: the service's own user, when root changes the keys."""
    if not path.exists():
        return
    before, now = path.stat(), os.fstat(descriptor)
    if (before.st_uid, before.st_gid) != (now.st_uid, now.st_gid):
        os.fchown(descriptor, before.st_uid, before.st_gid)
