"""PostgreSQL restarts, crashes, is replaced by its standby, or takes the rows away that an export still reads."""

import asyncio
import socket
import subprocess
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from tests.acceptance.cluster import Server, caught_up, multi_host, primary
from tests.acceptance.cut import AMPLE, slow_export
from tests.acceptance.problems import problem
from tests.acceptance.service import Service, fetch, running, statements, until
from tests.postgres import execute

pytestmark = pytest.mark.skipif(not hasattr(socket, "AF_UNIX"), reason="the servers listen on Unix sockets")

SCHEMA = """
CREATE SCHEMA acceptance;
CREATE TABLE acceptance.items AS SELECT i AS id FROM generate_series(1, 1000) i;
"""


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    with primary() as started:
        asyncio.run(execute(started.dsn, SCHEMA))
        yield started


@pytest.fixture(scope="module")
def standby(server: Server) -> Iterator[Server]:
    with server.standby({"max_standby_streaming_delay": "0", "hot_standby_feedback": "off"}) as started:
        yield started


def whole(service: Service) -> bool:
    answer = service.curl("/datasets/items.csv")
    return answer.status == 200 and answer.exit == 0 and answer.body.count(b"\n") == 1001


def test_restart_while_an_export_runs(server: Server, datasets: Path, tmp_path: Path) -> None:
    with running(server.dsn, datasets) as service:
        for mode in ("fast", "immediate"):  # the second is a crash
            with slow_export(service, tmp_path / mode) as curl:
                server.control("-m", mode, "restart")
                assert curl.wait(AMPLE) == 56
            until(lambda: whole(service), within=AMPLE)
            assert service.curl("/readyz").status == 200
            assert not statements(server.dsn, "stream")


def test_a_server_that_starts_after_the_service(server: Server, datasets: Path) -> None:
    server.control("-m", "fast", "stop")
    try:
        with running(server.dsn, datasets) as service:
            problem(service.curl("/readyz"), 503, "not-ready")
            problem(service.curl("/datasets/items.csv"), 503, "database-unavailable")
            server.control("start")
            until(lambda: whole(service), within=AMPLE)
            assert service.curl("/readyz").status == 200
    finally:
        if not (server.data / "postmaster.pid").exists():
            server.control("start")


def test_rows_that_the_primary_removes_under_a_standby_s_export(
    server: Server, standby: Server, datasets: Path, tmp_path: Path
) -> None:
    """A recovery conflict: after the first byte the body is cut, before it the answer is 503."""
    with running(standby.dsn, datasets) as service:
        with slow_export(service, tmp_path / "body") as curl:
            _remove_rows(server)
            assert curl.wait(AMPLE) == 56
        until(lambda: "conflict with recovery" in service.log.read_text())
        with subprocess.Popen(
            ["curl", "-s", f"{service.url}/datasets/sleep.csv"], stdout=subprocess.PIPE, text=True
        ) as curl_before:
            until(lambda: statements(standby.dsn, "sleep"))
            _remove_rows(server)
            told, _ = curl_before.communicate(timeout=AMPLE)
        assert "urn:exporter:problem:database-unavailable" in told
        assert "conflict" not in told
        until(lambda: whole(service), within=AMPLE)


def _remove_rows(server: Server) -> None:
    for statement in ("UPDATE acceptance.items SET id = id", "VACUUM acceptance.items"):
        asyncio.run(execute(server.dsn, statement))


def test_exports_prefer_the_standby(server: Server, standby: Server, datasets: Path) -> None:
    with running(multi_host(server, standby, attributes="prefer-standby"), datasets) as service:
        assert whole(service)
        assert _served_by(standby)
        assert not _served_by(server)


def test_exports_without_the_standby_they_prefer(server: Server, datasets: Path, tmp_path: Path) -> None:
    gone = Server(tmp_path, tmp_path, tmp_path)
    with running(multi_host(gone, server, attributes="prefer-standby"), datasets) as service:
        assert whole(service)


def _served_by(server: Server) -> int:
    sql = "SELECT count(*) FROM pg_stat_activity WHERE application_name LIKE 'exporter%'"
    count: int = fetch(server.dsn, sql)[0][0]
    return count


def test_failover(datasets: Path, tmp_path: Path) -> None:
    """The server that is read dies; the next export finds the other, also before it has been promoted."""
    with primary() as server:
        asyncio.run(execute(server.dsn, SCHEMA))
        with server.standby() as standby:
            caught_up(server, standby)
            dsn = multi_host(server, standby, attributes="any")
            with running(dsn, datasets, settings={"pool_timeout": "4"}) as service:
                with slow_export(service, tmp_path / "body") as curl:
                    server.crash()
                    assert curl.wait(AMPLE) == 56
                until(lambda: whole(service), within=AMPLE)
                standby.control("promote")
                assert whole(service)


def test_a_first_host_that_never_answers(server: Server, datasets: Path) -> None:
    """Its machine is gone, or hangs: nobody refuses the connection."""
    with closing(socket.create_server(("127.0.0.1", 0))) as silent:
        port = silent.getsockname()[1]
        dsn = f"postgresql://postgres@/postgres?host=127.0.0.1,{server.sockets}&port={port},5432"
        with running(dsn, datasets, settings={"pool_timeout": "2"}) as service:
            until(lambda: whole(service), within=AMPLE)
