"""The keys file: read only if no other user has access to it, and replaced as a whole."""

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
    """Return the keys by name.

    Args:
        path: the file.
        to_manage: whether the keys are only managed, not used for authentication; the file may then have any owner, so
            that root can manage it for the service's user.

    Raises:
        KeysFileError: the file does not exist, is accessible to others, is owned by another user, or is invalid.
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
    except (ValueError, RecursionError) as error:  # tomllib's errors and those of UTF-8 are ValueErrors
        raise KeysFileError(f"{path}: {error}") from error


@contextmanager
def changing(path: Path) -> Iterator[dict[str, Key]]:
    """Yield the keys to be changed, and write them at the end of the block unless it raises.

    Only one process at a time gets in; others wait. Readers see either the old keys or the new ones.

    Raises:
        KeysFileError: as for `read`, but a file that does not exist has no keys.
        OSError: it cannot be read or written.
    """
    path = path.resolve()  # replace the target of a link, not the link
    folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY)
    try:
        fcntl.flock(folder, fcntl.LOCK_EX)  # the file itself is replaced with each change
        keys = read(path, to_manage=True) if path.exists() else {}
        yield keys
        _replace(path, keys)
        os.fsync(folder)
    finally:
        os.close(folder)


def _replace(path: Path, keys: Mapping[str, Key]) -> None:
    tables = {name: key.model_dump(exclude_none=True) for name, key in sorted(keys.items())}
    descriptor, name = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)  # mode 0600
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
    """Keep the file's owner: the service's user, when root changes the keys."""
    if not path.exists():
        return
    before, now = path.stat(), os.fstat(descriptor)
    if (before.st_uid, before.st_gid) != (now.st_uid, now.st_gid):
        os.fchown(descriptor, before.st_uid, before.st_gid)
