"""Files that decide who may read what, or hold a secret: whose they are, and who else may use them."""

import os
import stat
from pathlib import Path

OTHERS = stat.S_IRWXG | stat.S_IRWXO
"""All but the owner."""

OUTSIDERS = stat.S_IRWXO | stat.S_IWGRP
"""All but the owner and, for reading, the group."""

CHANGEABLE = stat.S_IWGRP | stat.S_IWOTH
"""All but the owner, for writing."""

_FAULTS = {
    OTHERS: "can be read or written by users other than its owner: chmod 600",
    OUTSIDERS: "can be read by everybody, or written by users other than its owner: chmod g-w,o=",
    CHANGEABLE: "can be written by users other than its owner: chmod go-w",
}


def exposure(path: Path, status: os.stat_result, others: int = OTHERS) -> str | None:
    """Return who else may use a file and what to do, or None if nobody may but its owner: root or the service's user.

    Args:
        path: how it is called.
        status: of the file that is open.
        others: the bits of its mode that nobody may have.
    """
    return wrong_mode(path, status, others) or wrong_owner(path, status)


def wrong_mode(path: Path, status: os.stat_result, others: int = OTHERS) -> str | None:
    """Return what is wrong with a file's mode, and what to do."""
    if not status.st_mode & others:
        return None
    return f"{path} {_FAULTS[others]} {path}"


def wrong_owner(path: Path, status: os.stat_result) -> str | None:
    """Return what is wrong with a file's owner, and what to do."""
    if status.st_uid in (0, os.geteuid()):
        return None
    return f"{path} is owned by user {status.st_uid}, who can change it: chown {os.geteuid()} {path}"
