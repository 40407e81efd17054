"""The owner and mode of files that control access or contain secrets."""

import os
import stat
from pathlib import Path

OTHERS = stat.S_IRWXG | stat.S_IRWXO
"""Everybody except the owner."""

OUTSIDERS = stat.S_IRWXO | stat.S_IWGRP
"""Everybody except the owner and, for reading, the group."""

CHANGEABLE = stat.S_IWGRP | stat.S_IWOTH
"""Everybody except the owner, for writing."""

_FAULTS = {
    OTHERS: "can be read or written by users other than its owner: chmod 600",
    OUTSIDERS: "can be read by everybody, or written by users other than its owner: chmod g-w,o=",
    CHANGEABLE: "can be written by users other than its owner: chmod go-w",
}


def exposure(path: Path, status: os.stat_result, others: int = OTHERS) -> str | None:
    """Return who else may use a file and what to do, or None if only its owner may: root or the service's user.

    Args:
        path: the file's path, for the message.
        status: the status of the open file.
        others: the mode bits that must not be set.
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
