"""`exporter demo`, and the commands that the README shows for it."""

import os
import re
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import psutil
import pyarrow.parquet as pq
import pytest

from benchmarks.ended import still_running
from benchmarks.environment import environment
from tests.acceptance.service import COMMAND, PATIENCE, Service, answers, free_port, until

README = (Path(__file__).parents[2] / "README.md").read_text()
COMMANDS = re.findall(r"^    (curl .*(?:\n {8}.*)*)", README, re.MULTILINE)


@pytest.fixture(scope="module")
def demo() -> Iterator[tuple[Service, Path]]:
    """A demo in a session of its own, as a terminal gives it, and the folder that holds its temporary files."""
    port = free_port()
    with tempfile.TemporaryDirectory(dir="/tmp") as folder:
        Path(folder).chmod(0o777)
        log = Path(folder, "log")
        with log.open("wb") as stream:
            process = subprocess.Popen(
                [COMMAND, "demo", "--port", str(port)],
                stdout=stream,
                stderr=stream,
                env=environment() | {"TMPDIR": folder},
                start_new_session=True,
            )
        try:
            service = Service(f"http://127.0.0.1:{port}", process, log)
            until(lambda: answers(service), within=60)
            yield service, Path(folder)
        finally:
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()


def test_what_takes_a_while_is_said_first(demo: tuple[Service, Path]) -> None:
    assert demo[0].log.read_text().splitlines()[0] == "exporter: creating the sample database…"


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_of_the_readme_works(demo: tuple[Service, Path], command: str, tmp_path: Path) -> None:
    service, _ = demo
    here = command.replace("http://127.0.0.1:8000", service.url).replace(".venv/bin/python", sys.executable)
    done = subprocess.run(["bash", "-o", "pipefail", "-c", here], cwd=tmp_path, capture_output=True, check=False)
    assert done.returncode == 0, done.stderr
    saved = list(tmp_path.iterdir())
    assert (done.stdout and not saved) or saved[0].stat().st_size > 100_000
    for path in tmp_path.glob("*.parquet"):
        assert pq.read_metadata(path).num_rows > 100_000


@pytest.mark.parametrize("dataset", ["orders", "customers", "products", "events", "revenue"])
@pytest.mark.parametrize("extension", ["csv", "ndjson", "parquet", "arrows"])
def test_every_sample_dataset_can_be_had_in_every_format(
    demo: tuple[Service, Path], dataset: str, extension: str
) -> None:
    answer = demo[0].curl(f"/datasets/{dataset}.{extension}?_limit=100")
    assert (answer.exit, answer.status) == (0, 200)
    assert len(answer.body) > 1000


def test_ctrl_c_leaves_nothing_behind(demo: tuple[Service, Path]) -> None:
    service, folder = demo
    everything = [process for process in psutil.process_iter(["environ"]) if _belongs(process, folder)]
    assert len(everything) > 3
    os.killpg(service.process.pid, signal.SIGINT)
    assert service.process.wait(PATIENCE) == 0
    assert still_running(everything, PATIENCE) == []
    assert not list(folder.glob("exporter-pg-*"))


def _belongs(process: psutil.Process, folder: Path) -> bool:
    return str(folder) in ((process.info["environ"] or {}).get("TMPDIR", ""))
