"""Signals while the command starts, which takes a second or two."""

import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil
import pytest

from benchmarks.ended import still_running
from benchmarks.environment import environment
from tests.acceptance.service import COMMAND, PATIENCE, Service, answers, free_port, stopped, until

HARMLESS = (signal.SIGHUP, signal.SIGUSR1, signal.SIGUSR2)


@contextmanager
def starting(source: str, datasets: Path, folder: Path) -> Iterator[Service]:
    """A service from the moment on that its command runs."""
    port = free_port()
    variables = environment({"database_url": source, "datasets": datasets})
    log = folder / "log"
    with log.open("wb") as stream:
        command: list[str | Path] = [COMMAND, "serve", "--port", str(port)]
        with subprocess.Popen(command, stdout=stream, stderr=stream, env=variables) as process:
            try:
                until(lambda: settled(process))
                yield Service(f"http://127.0.0.1:{port}", process, log)
            finally:
                stopped(process)


def settled(process: "subprocess.Popen[bytes]") -> bool:
    """Whether it has seen to its signals: SIGHUP is blocked."""
    assert process.poll() is None, "it has ended"
    (line,) = [line for line in Path(f"/proc/{process.pid}/status").read_text().splitlines() if "SigBlk" in line]
    return bool(int(line.split()[1], 16) >> (signal.SIGHUP - 1) & 1)


def children(service: Service) -> list[psutil.Process]:
    found: list[psutil.Process] = psutil.Process(service.process.pid).children(recursive=True)
    return found


pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="elsewhere a process does not tell what it blocks")


def test_signals_that_end_nothing(source: str, datasets: Path, tmp_path: Path) -> None:
    """They are sent again and again until it serves, and SIGHUP counts as soon as it can."""
    with starting(source, datasets, tmp_path) as service:

        def serves_all_the_same() -> bool:
            for harmless in HARMLESS:
                service.process.send_signal(harmless)
            return answers(service)

        until(serves_all_the_same, within=3 * PATIENCE)
        until(lambda: "datasets reloaded" in service.log.read_text())
        assert len(service.workers()) == 1


def at_once(service: Service) -> bool:
    return True


def when_workers_start(service: Service) -> bool:
    return any("PROMETHEUS_MULTIPROC_DIR" in child.environ() for child in children(service))


@pytest.mark.parametrize("end", [signal.SIGTERM, signal.SIGINT])
@pytest.mark.parametrize("moment", [at_once, when_workers_start])
def test_an_end_at_any_moment(
    source: str, datasets: Path, tmp_path: Path, end: signal.Signals, moment: Callable[[Service], bool]
) -> None:
    with starting(source, datasets, tmp_path) as service:
        until(lambda: moment(service))
        left = children(service)
        folders = {child.environ().get("PROMETHEUS_MULTIPROC_DIR") for child in left} - {None}
        service.process.send_signal(end)
        assert service.process.wait(PATIENCE) == 0
        assert not still_running(left, PATIENCE)
        assert not any(Path(str(folder)).parent.exists() for folder in folders)
        assert "Traceback" not in service.log.read_text()


@pytest.mark.parametrize("end", [signal.SIGTERM, signal.SIGINT])
def test_an_end_while_the_demo_makes_its_database(end: signal.Signals) -> None:
    command: list[str | Path] = [COMMAND, "demo", "--port", str(free_port())]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, env=environment()) as process:
        try:
            (keeper,) = until(lambda: [c for c in psutil.Process(process.pid).children() if c.name() == "sh"])
            folder = keeper.cwd()
            process.send_signal(end)
            output, _ = process.communicate(timeout=PATIENCE)
            assert process.returncode == 0
            assert b"Traceback" not in output
            assert not Path(folder).exists()
        finally:
            assert not stopped(process)


def test_signals_are_seen_to_before_anything_else_is_loaded() -> None:
    program = """
import sys
sys.argv = ["exporter", "serve"]
import exporter.commands.main
loaded = list(sys.modules)
before = {name.partition(".")[0] for name in loaded[:loaded.index("exporter.process.starting")]}
print(*(before & {"asyncio", "cyclopts", "pydantic", "queries", "pyarrow"}))
"""
    done = subprocess.run([sys.executable, "-c", program], check=True, capture_output=True, text=True)
    assert done.stdout.split() == []


def test_other_commands_end_with_their_terminal() -> None:
    program = """
import signal, sys
sys.argv = ["exporter", "check"]
import exporter.process.starting
print(signal.pthread_sigmask(signal.SIG_BLOCK, ()), signal.getsignal(signal.SIGUSR1))
"""
    done = subprocess.run([sys.executable, "-c", program], check=True, capture_output=True, text=True)
    assert done.stdout == f"set() {signal.Handlers.SIG_DFL!r}\n" or done.stdout.split() == ["set()", "0"]
