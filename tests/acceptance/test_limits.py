"""Limits over a real socket: nothing is cut off silently, and everybody is told whose limit it was."""

import re
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.acceptance.catalogue import dataset
from tests.acceptance.conftest import written
from tests.acceptance.service import Answer, Service, running, statements, until

_SLOW = "SELECT i FROM (SELECT generate_series(1, 3) AS i) s WHERE pg_sleep(60) IS NOT NULL"
_MANY = "SELECT i, repeat(md5(i::text), 30) AS content FROM (SELECT generate_series(1, 100000) AS i) s"

DATASETS = {
    "few": dataset("", "SELECT generate_series(1, 10) AS i"),
    "slow": dataset("", _SLOW),
    "alone": dataset("max_exports = 1", _SLOW),
    "rows": dataset("max_rows = 9", "SELECT generate_series(1, 10) AS i"),
    "fitting": dataset("max_rows = 10", "SELECT generate_series(1, 10) AS i"),
    "many": dataset("max_rows = 99999", _MANY),
    "bytes": dataset("max_bytes = 20", "SELECT generate_series(1, 10) AS i"),
    "many_bytes": dataset("max_bytes = 10000000", _MANY),
    "seconds": dataset("max_seconds = 0.5", _SLOW),
    "estimated": dataset("max_estimated_rows = 100", "SELECT generate_series(1, 1000) AS i"),
}


@pytest.fixture(scope="module")
def service(source: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """Three exports at once; who waits does so for longer than any test, of whom there may be one."""
    folder = written(tmp_path_factory.mktemp("limited"), DATASETS)
    settings = {"pool_size": "4", "max_exports": "3", "max_waiting": "1", "pool_timeout": "600"}
    with running(source, folder, settings=settings) as started:
        yield started


@contextmanager
def asking(service: Service, path: str) -> Iterator["subprocess.Popen[bytes]"]:
    """Ask in the background, until the block ends."""
    command: list[str | Path] = ["curl", "-sS", "-o", "/dev/null", "-w", "%{http_code}", service.url + path]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as curl:
        try:
            yield curl
        finally:
            curl.kill()


def problem(answer: Answer, status: int, slug: str) -> str:
    assert (answer.exit, answer.status) == (0, status), answer
    assert answer.json()["type"] == f"urn:exporter:problem:{slug}"
    detail: str = answer.json()["detail"]
    return detail


def logged(service: Service, answer: Answer) -> str:
    """Return the log line of an export."""
    return service.logged(answer.headers["export-id"])


def test_places_and_the_line_for_them(service: Service, source: str) -> None:
    with asking(service, "/datasets/slow.csv") as first, asking(service, "/datasets/alone.csv"):
        until(lambda: statements(source, "slow") and statements(source, "alone"))
        with asking(service, "/datasets/alone.csv") as one, asking(service, "/datasets/alone.csv") as other:
            refused = until(lambda: [curl for curl in (one, other) if curl.poll() is not None])
            assert [curl.communicate()[0] for curl in refused] == [b"503"]
            answer = service.curl("/datasets/alone.csv")
            problem(answer, 503, "too-many-exports")
            assert int(answer.headers["retry-after"]) > 0
            assert "outcome=refused" in logged(service, answer)
            # The other waits for its dataset only, and so in nobody's way.
            assert service.curl("/datasets/few.csv").body.count(b"\n") == 11
        until(lambda: re.search("dataset=alone .*outcome=disconnected", service.log.read_text()))
        with asking(service, "/datasets/slow.csv"):
            until(lambda: len(statements(source, "slow")) == 2)
            with asking(service, "/datasets/few.csv") as last:
                first.kill()
                assert last.communicate()[0] == b"200"
    until(lambda: not statements(source, "slow") and not statements(source, "alone"))
    assert service.curl("/datasets/few.csv").status == 200


@pytest.mark.parametrize("extension", ["csv", "ndjson", "parquet", "arrows"])
def test_too_many_rows_are_known_before_the_first_byte(service: Service, extension: str) -> None:
    refused = service.curl(f"/datasets/rows.{extension}")
    assert "9 rows (max_rows)" in problem(refused, 422, "export-too-large")
    assert "outcome=limited" in logged(service, refused)
    assert service.curl(f"/datasets/rows.{extension}?_limit=9").status == 200
    assert service.curl(f"/datasets/fitting.{extension}").status == 200


@pytest.mark.parametrize("version", ["--http1.1", "--http2-prior-knowledge"])
@pytest.mark.parametrize(("name", "limit"), [("many", "max_rows"), ("many_bytes", "max_bytes")])
def test_too_much_in_mid_body_is_an_abort_and_its_reason_is_logged(
    service: Service, name: str, limit: str, version: str
) -> None:
    aborted = service.curl(f"/datasets/{name}.csv", version)
    assert aborted.exit == (56 if version == "--http1.1" else 92)
    assert aborted.status == 200
    assert limit in logged(service, aborted)
    assert "outcome=limited" in logged(service, aborted)


def test_too_many_bytes_or_seconds_or_rows_expected_before_the_first_byte(service: Service, source: str) -> None:
    assert "20 bytes (max_bytes)" in problem(service.curl("/datasets/bytes.csv"), 422, "export-too-large")
    assert "0.5 seconds (max_seconds)" in problem(service.curl("/datasets/seconds.csv"), 422, "export-too-large")
    until(lambda: not statements(source, "seconds"))
    # Not how many: the estimate may count rows that a policy keeps from the caller.
    assert "more than 100 rows" in problem(service.curl("/datasets/estimated.csv"), 422, "export-too-large")
    assert service.curl("/datasets/estimated.csv?_limit=100").body.count(b"\n") == 101


def test_a_setting_that_no_pool_can_keep_is_refused(source: str, datasets: Path) -> None:
    from benchmarks.environment import environment
    from tests.acceptance.service import COMMAND

    command: list[str | Path] = [COMMAND, "serve", "--database-url", source, "--datasets", datasets]
    settings = environment({"pool_size": 2, "max_exports": 3})
    done = subprocess.run(command, check=False, capture_output=True, text=True, env=settings)
    assert done.returncode == 1
    assert "EXPORTER_MAX_EXPORTS" in done.stderr
