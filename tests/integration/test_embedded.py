import asyncio
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import asyncpg
import psutil
import pytest

from queries import embedded as module
from queries.embedded import embedded, programs

ROOT = Path(module.__file__).parent.parent

AMPLE = 60
"""Seconds that the end of a server may take on a busy machine; typical is one."""


def folder_of(dsn: str) -> Path:
    return Path(parse_qs(urlsplit(dsn).query)["host"][0])


def processes_in(folder: Path) -> list[str]:
    """The command lines of running programs that name the folder."""
    lines = (" ".join(process.info["cmdline"] or ()) for process in psutil.process_iter(["cmdline"]))
    return [line for line in lines if str(folder) in line]


def assert_gone(folder: Path, within: float = 0) -> None:
    end = time.monotonic() + within
    while (folder.exists() or processes_in(folder)) and time.monotonic() < end:
        time.sleep(0.05)
    assert not folder.exists()
    assert processes_in(folder) == []


def fetch(dsn: str, query: str) -> Any:
    async def value() -> Any:
        connection = await asyncpg.connect(dsn)
        try:
            return await connection.fetchval(query)
        finally:
            await connection.close()

    return asyncio.run(value())


@contextmanager
def running(script: str) -> Iterator[subprocess.Popen[str]]:
    """Run a script that sees `embedded`, as the leader of a process group of its own, as a terminal would.

    SIGHUP has its default action even if the tests run under nohup.
    """
    prologue = "import os, signal, sys, time\nsignal.signal(signal.SIGHUP, signal.SIG_DFL)"
    with subprocess.Popen(
        [sys.executable, "-c", f"{prologue}\nfrom queries.embedded import embedded\n{script}"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        cwd=ROOT,
        start_new_session=True,
    ) as started:
        try:
            yield started
        finally:
            if started.poll() is None:
                os.killpg(started.pid, signal.SIGKILL)


def read_line(started: subprocess.Popen[str]) -> str:
    assert started.stdout
    return started.stdout.readline().strip()


def test_answers_as_postgresql_18_and_leaves_nothing_behind(psql: str) -> None:
    with embedded() as dsn:
        folder = folder_of(dsn)
        assert processes_in(folder)
        assert str(fetch(dsn, "SELECT version()")).startswith("PostgreSQL 18")
        shown = subprocess.run([psql, dsn, "-XAtc", "SELECT 'ä'"], capture_output=True, text=True, check=True)
        assert shown.stdout == "ä\n"
    assert_gone(folder)


def test_leaves_nothing_behind_after_an_exception() -> None:
    with pytest.raises(ZeroDivisionError), embedded() as dsn:
        _ = 1 / 0
    assert_gone(folder_of(dsn))


def test_its_socket_and_files_are_closed_to_other_users() -> None:
    with embedded() as dsn:
        assert folder_of(dsn).stat().st_mode & 0o077 == 0
        assert fetch(dsn, "SHOW listen_addresses") == ""


def test_takes_settings_and_nothing_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PGPORT", "7")
    monkeypatch.setenv("PGDATA", "/nowhere")
    with embedded(settings={"max_connections": "7", "work_mem": "1234kB"}) as dsn:
        assert fetch(dsn, "SHOW max_connections") == "7"
        assert fetch(dsn, "SHOW work_mem") == "1234kB"


def test_several_run_side_by_side() -> None:
    with embedded() as one, embedded() as other:
        fetch(one, "CREATE TABLE only_here ()")
        assert fetch(other, "SELECT to_regclass('only_here')") is None
    assert_gone(folder_of(one))
    assert_gone(folder_of(other))


def test_reports_the_log_of_a_server_that_does_not_start() -> None:
    with pytest.raises(RuntimeError, match="shared_buffers"), embedded(settings={"shared_buffers": "plenty"}):
        pytest.fail("it started")


def test_a_folder_too_deep_for_a_socket_is_not_used(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    deep = tmp_path / ("deep" * 30)
    deep.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(deep))
    with embedded() as dsn:
        assert fetch(dsn, "SELECT 1") == 1


def test_runs_programs_that_only_the_caller_may_reach(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As root's virtual environment below /root: the server's own account cannot look inside."""
    site = tmp_path / "site"
    package = programs().parent.parent
    for part in package.parent.glob(f"{package.name}*"):
        shutil.copytree(part, site / part.name, ignore=shutil.ignore_patterns("pginstall", "*.a"))
    site.chmod(0o700)
    monkeypatch.setattr(module, "programs", lambda: site / programs().relative_to(package.parent))
    with embedded() as dsn:
        assert fetch(dsn, "SELECT 1") == 1
    assert site.stat().st_mode & 0o077 == 0
    assert_gone(folder_of(dsn))


def test_says_what_to_install_without_the_wheel(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "find_spec", lambda _name: None)
    with pytest.raises(ModuleNotFoundError, match="demo"), embedded():
        pytest.fail("it started")


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGKILL])
def test_leaves_nothing_behind_after_a_signal(number: signal.Signals) -> None:
    with running("with embedded() as dsn:\n print(dsn, flush=True)\n time.sleep(600)") as started:
        folder = folder_of(read_line(started))
        assert processes_in(folder)
        os.killpg(started.pid, number)
        assert started.wait(AMPLE) != 0
    assert_gone(folder, within=AMPLE)


@pytest.mark.parametrize("delay", [0, 0.2, 0.5])
def test_leaves_nothing_behind_when_killed_while_it_starts(delay: float) -> None:
    with tempfile.TemporaryDirectory() as parent:
        Path(parent).chmod(0o777)  # for the server's own account, if we are root
        with running(f"from pathlib import Path\nwith embedded(Path({parent!r})): time.sleep(600)") as started:
            end = time.monotonic() + AMPLE
            while not (logs := list(Path(parent).glob("exporter-pg-*/log"))) and time.monotonic() < end:
                time.sleep(0.01)
            time.sleep(delay)
            started.kill()
        assert_gone(logs[0].parent, within=AMPLE)


def test_answers_until_the_block_ends_after_a_ctrl_c() -> None:
    script = """
with embedded() as dsn:
    try:
        print(dsn, flush=True)
        time.sleep(600)
    except KeyboardInterrupt:
        print("draining", flush=True)
        sys.stdin.readline()
"""
    with running(script) as started:
        dsn = read_line(started)
        os.killpg(started.pid, signal.SIGINT)
        assert read_line(started) == "draining"
        assert fetch(dsn, "SELECT 1") == 1
        assert started.communicate("go on\n", timeout=AMPLE)
        assert started.returncode == 0
    assert_gone(folder_of(dsn))


def test_stops_although_a_forked_worker_lives_on() -> None:
    script = """
with embedded() as dsn:
    print(dsn, flush=True)
    if os.fork() == 0:
        time.sleep(600)
print("stopped", flush=True)
"""
    with running(script) as started:
        dsn = read_line(started)
        assert read_line(started) == "stopped"
        assert_gone(folder_of(dsn))
        os.killpg(started.pid, signal.SIGKILL)
