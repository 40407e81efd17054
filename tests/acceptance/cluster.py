"""Servers that a test may stop, crash and replicate: the embedded PostgreSQL, and a streaming standby of it."""

import os
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import parse_qs, quote, urlsplit

import psutil

from queries.embedded import embedded
from tests.acceptance.service import fetch, until

REPLICATED = {"wal_level": "replica", "max_wal_senders": "4"}


@dataclass(frozen=True, slots=True)
class Server:
    """A server whose socket and data are in folders of its own."""

    sockets: Path
    data: Path
    programs: Path

    @property
    def dsn(self) -> str:
        return multi_host(self)

    def control(self, *arguments: str) -> None:
        """Run `pg_ctl` and wait until it has done what it says."""
        self._run("pg_ctl", "-D", self.data, "-l", self.data / "log", "-w", *arguments)

    def crash(self) -> None:
        """End every process of the server at once, as a loss of its machine would."""
        postmaster = psutil.Process(int((self.data / "postmaster.pid").read_text().split()[0]))
        processes = [postmaster, *postmaster.children()]
        for process in processes:
            process.kill()
        psutil.wait_procs(processes)

    @contextmanager
    def standby(self, settings: Mapping[str, str] = {}) -> Iterator["Server"]:
        """Run a streaming standby until the block ends. Its folder is in the primary's, and goes with it."""
        sockets = self.sockets / "standby"
        follower = Server(sockets, sockets / "data", self.programs)
        sockets.mkdir()
        os.chown(sockets, *self._owner)
        self._run("pg_basebackup", "-D", follower.data, "-d", self.dsn, "-R", "-c", "fast", "--no-sync")
        given = {**settings, "unix_socket_directories": str(sockets)}
        with (follower.data / "postgresql.auto.conf").open("a") as file:
            file.writelines(f"{name} = '{value}'\n" for name, value in given.items())
        follower.control("start")
        try:
            yield follower
        finally:
            if (follower.data / "postmaster.pid").exists():
                follower.control("-m", "immediate", "stop")

    @property
    def _owner(self) -> tuple[int, int]:
        status = self.sockets.stat()
        return status.st_uid, status.st_gid

    def _run(self, program: str, *arguments: str | Path) -> None:
        user, group = self._owner if os.geteuid() == 0 else (None, None)
        command = [self.programs / program, *arguments]
        done = subprocess.run(
            command, check=False, capture_output=True, cwd=self.sockets, user=user, group=group, env={"LC_ALL": "C"}
        )
        assert done.returncode == 0, (command, done.stderr.decode())


@contextmanager
def primary(settings: Mapping[str, str] = REPLICATED) -> Iterator[Server]:
    """Run a server until the block ends."""
    with embedded(settings=settings) as dsn:
        sockets = Path(parse_qs(urlsplit(dsn).query)["host"][0])
        postmaster = int((sockets / "data" / "postmaster.pid").read_text().split()[0])
        yield Server(sockets, sockets / "data", Path(psutil.Process(postmaster).exe()).parent)


def multi_host(*servers: Server, attributes: str = "any") -> str:
    """Return one DSN for several servers, in the order in which they are tried."""
    hosts, ports = ",".join(str(server.sockets) for server in servers), ",".join("5432" for _ in servers)
    query = f"host={quote(hosts)}&port={ports}&target_session_attrs={attributes}"
    return f"postgresql://postgres@/postgres?{query}"


def caught_up(primary: Server, standby: Server) -> None:
    """Wait until the standby has replayed all that the primary has written."""
    written = fetch(primary.dsn, "SELECT pg_current_wal_lsn()::text")[0][0]
    until(lambda: fetch(standby.dsn, "SELECT pg_last_wal_replay_lsn() >= $1::text::pg_lsn", written)[0][0])
