"""`exporter export`: a real process, a real database, real signals and terminals."""

import fcntl
import gzip
import hashlib
import json
import os
import pty
import signal
import socket
import struct
import subprocess
import termios
import threading
from datetime import UTC, datetime
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from benchmarks.environment import environment
from exporter.access.key import Key
from exporter.access.keys_file import changing
from exporter.access.tokens import digest_of, new_token
from tests.acceptance.catalogue import dataset
from tests.acceptance.command import exporter, started
from tests.acceptance.conftest import written
from tests.acceptance.service import COMMAND, PATIENCE, Service, free_port, running, statements, until

ENDLESS = 1_000_000_000


@pytest.fixture
def settings(source: str, datasets: Path) -> dict[str, object]:
    """What a direct export needs."""
    return {"database_url": source, "datasets": datasets}


def contents(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


@pytest.mark.parametrize("way", ["direct", "remote"])
def test_a_file_is_what_the_service_sends(
    service: Service, settings: dict[str, object], tmp_path: Path, way: str
) -> None:
    where = ["--server", service.url] if way == "remote" else []
    known = {} if where else settings
    for name in ("items.csv", "items.ndjson", "big.csv"):
        done = exporter("export", name.partition(".")[0], "--output", tmp_path / name, *where, **known)
        assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
        assert (tmp_path / name).read_bytes() == service.curl(f"/datasets/{name}").body
    done = exporter("export", "items", "--output", tmp_path / "items.parquet", *where, **known)
    assert (done.returncode, pq.read_table(tmp_path / "items.parquet").num_rows) == (0, 4)
    done = exporter("export", "items", "--output", tmp_path / "items.csv.gz", *where, **known)
    assert done.returncode == 0
    assert gzip.decompress((tmp_path / "items.csv.gz").read_bytes()) == (tmp_path / "items.csv").read_bytes()
    assert contents(tmp_path) == ["big.csv", "items.csv", "items.csv.gz", "items.ndjson", "items.parquet"]


@pytest.mark.parametrize("output", [[], ["-o", "-"]])
def test_a_pipe_gets_csv(settings: dict[str, object], output: list[str]) -> None:
    done = exporter("export", "series", "--rows", 2, "--columns", "i", *output, **settings)
    assert (done.returncode, done.stdout, done.stderr) == (0, "i\n1\n2\n", "")


@pytest.mark.parametrize("way", ["direct", "remote"])
def test_names_are_parameters_before_they_are_options(source: str, tmp_path: Path, way: str) -> None:
    parameters = "".join(
        f'[parameters.{name}]\ntype = "text{array}"\nnullable = true\n'
        for name, array in (("limit", ""), ("delimiter", ""), ("some_words", "[]"))
    )
    sql = 'SELECT :limit AS "limit", :delimiter AS "delimiter", :some_words AS some_words'
    folder = written(tmp_path, {"clash": dataset(parameters, sql)})

    def run(**known: object) -> None:
        given = (
            "--limit 1 --param limit=L --delimiter D --option delimiter=; --some-words a --some-words b --header off"
        )
        done = exporter("export", "clash", *given.split(), *where, **known)
        assert (done.returncode, done.stderr, done.stdout) == (0, "", "L;D;{a,b}\n")

    if way == "direct":
        where: list[str] = []
        run(database_url=source, datasets=folder)
    else:
        with running(source, folder) as started_:
            where = ["--server", started_.url]
            run()


def test_a_template_names_the_file(settings: dict[str, object], tmp_path: Path) -> None:
    days = {datetime.now(UTC).date().isoformat()}
    done = exporter("export", "items", "-f", "ndjson", "-o", tmp_path / "{dataset}-{date}.{format}", **settings)
    days.add(datetime.now(UTC).date().isoformat())
    assert done.returncode == 0
    assert set(contents(tmp_path)) <= {f"items-{day}.ndjson" for day in days}
    done = exporter("export", "items", "-o", tmp_path / "{day}", **settings)
    assert (done.returncode, "{day}" in done.stderr, "{date}" in done.stderr) == (2, True, True)
    assert len(contents(tmp_path)) == 1


def test_an_existing_file_is_kept_and_the_database_is_not_asked(datasets: Path, source: str, tmp_path: Path) -> None:
    (tmp_path / "items.csv").write_text("before")
    away = {"database_url": f"postgresql://127.0.0.1:{free_port()}/none", "datasets": datasets}
    done = exporter("export", "items", "-o", tmp_path / "items.csv", **away)
    assert done.returncode == 8
    assert done.stderr.startswith(f"exporter: {tmp_path / 'items.csv'}: File exists")
    assert (tmp_path / "items.csv").read_text() == "before"
    done = exporter("export", "items", "-o", tmp_path / "items.csv", "--force", database_url=source, datasets=datasets)
    assert (done.returncode, done.stderr) == (0, "")
    assert (tmp_path / "items.csv").read_text().startswith("id,name")


@pytest.mark.parametrize(
    ("arguments", "code", "told"),
    [
        ([], 2, "name a dataset"),
        (["items", "--force=maybe"], 2, "force"),
        (["items", "-o", "{x}"], 2, "--output"),
        (["items", "--param", "x"], 2, "NAME=VALUE"),
        (["items", "--key-file", "x"], 2, "--server"),
        (["itmes"], 3, "did you mean items?"),
        (["items", "-f", "xml"], 3, "expected one of csv, ndjson, parquet, arrows"),
        (["series", "--rows", "x"], 4, "exporter: --rows: expected an integer"),
        (["series", "--row", "1"], 4, "did you mean rows?"),
        (["series", "--rows", "1", "--rows", "2"], 4, "exporter: --rows: expected one value"),
        (["series", "--limit", "x", "--delimiter", "ab"], 4, "exporter: --delimiter: "),
        (["items", "--columns", "nothing"], 4, "exporter: --columns: "),
        (["twins", "-f", "parquet"], 4, "a_2"),
        (["denied"], 5, "exporter: "),
        (["early"], 7, "DivisionByZero"),
        (["late"], 7, "DivisionByZero"),
        (["limited"], 7, "exporter: "),
    ],
)
def test_each_class_of_failure_has_its_exit_code(
    settings: dict[str, object], tmp_path: Path, arguments: list[str], code: int, told: str
) -> None:
    output = [] if "-o" in arguments else ["-o", tmp_path / "out"]
    done = exporter("export", *arguments, *output, **settings)
    assert (done.returncode, done.stdout) == (code, "")
    assert told in done.stderr
    assert "Traceback" not in done.stderr
    assert contents(tmp_path) == []


def test_a_database_that_is_away(datasets: Path) -> None:
    url = f"postgresql://u:geheim@127.0.0.1:{free_port()}/none"
    done = exporter("export", "items", database_url=url, datasets=datasets)
    assert (done.returncode, done.stdout, "geheim" in done.stderr) == (6, "", False)


def test_an_output_that_cannot_be_written(settings: dict[str, object], tmp_path: Path) -> None:
    assert exporter("export", "items", "-o", tmp_path / "none" / "x.csv", **settings).returncode == 8
    with Path("/dev/full").open("wb") as full:
        command = [str(COMMAND), "export", "big"]
        done = subprocess.run(
            command, check=False, stdout=full, stderr=subprocess.PIPE, env=environment(settings), timeout=PATIENCE
        )
    assert (done.returncode, done.stderr) == (8, b"exporter: standard output: No space left on device\n")


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize("to", ["file", "unread pipe"])
def test_an_interruption_leaves_no_file_and_no_statement(
    source: str, settings: dict[str, object], tmp_path: Path, number: int, to: str
) -> None:
    output = ["-o", tmp_path / "x.csv"] if to == "file" else []
    with started("export", "stream", "--rows", ENDLESS, *output, **settings) as process:
        until(lambda: contents(tmp_path) if to == "file" else statements(source, "stream"))
        assert len(statements(source, "stream")) == 1
        process.send_signal(number)
        assert process.wait(PATIENCE) == 130
        assert process.stderr is not None
        assert process.stderr.read() == b""
    until(lambda: not statements(source, "stream"))
    assert contents(tmp_path) == []


def test_a_reader_that_has_enough_ends_it_as_it_ends_cat(source: str, settings: dict[str, object]) -> None:
    with started("export", "stream", "--rows", ENDLESS, **settings) as process:
        assert process.stdout is not None
        assert process.stdout.read(9) == b"i,content"
        process.stdout.close()
        assert process.wait(PATIENCE) == -signal.SIGPIPE
        assert process.stderr is not None
        assert process.stderr.read() == b""
    until(lambda: not statements(source, "stream"))


def test_json_tells_what_was_written(settings: dict[str, object], tmp_path: Path) -> None:
    done = exporter("export", "items", "-o", tmp_path / "items.csv", "--json", **settings)
    content = (tmp_path / "items.csv").read_bytes()
    told = json.loads(done.stdout)
    assert (done.returncode, done.stderr) == (0, "")
    assert told.pop("seconds") > 0
    assert len(told.pop("export_id")) == 36
    assert told == {
        "dataset": "items",
        "format": "csv",
        "output": str(tmp_path / "items.csv"),
        "rows": 4,
        "bytes": len(content),
        "sha256": hashlib.sha256(content).hexdigest(),
    }
    piped = exporter("export", "items", "--json", **settings)
    assert piped.stdout.encode() == content
    assert json.loads(piped.stderr)["sha256"] == told["sha256"]


def test_help_lists_the_parameters_of_the_dataset(service: Service, settings: dict[str, object]) -> None:
    for where, known in (([], settings), (["--server", service.url], {})):
        done = exporter("export", "typed", "--help", *where, **known)
        assert (done.returncode, done.stderr) == (0, "")
        for text in ("--day date", "[required]", "--kind text", "[choices: a, b]", "--delimiter", "--output"):
            assert text in done.stdout
    plain = exporter("export", "--help")
    assert (plain.returncode, "--output" in plain.stdout) == (0, True)


class Terminal:
    """A terminal of 100 columns, and all that a process has written to it."""

    def __init__(self) -> None:
        self._ours, self.theirs = pty.openpty()
        fcntl.ioctl(self.theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 100, 0, 0))
        self._parts: list[bytes] = []
        self._reading = threading.Thread(target=self._read)
        self._reading.start()

    def _read(self) -> None:
        try:
            while part := os.read(self._ours, 4096):
                self._parts.append(part)
        except OSError:  # the last writer is gone
            pass

    @property
    def so_far(self) -> str:
        return b"".join(self._parts).decode()

    def close(self) -> str:
        os.close(self.theirs)
        self._reading.join(PATIENCE)
        os.close(self._ours)
        return self.so_far


@pytest.mark.parametrize(
    "arguments", [["-f", "parquet"], ["-f", "arrows"], ["-f", "csv", "--compression", "gzip"]], ids=lambda item: item[1]
)
def test_a_terminal_is_not_garbled(settings: dict[str, object], arguments: list[str]) -> None:
    screen = Terminal()
    command = [str(COMMAND), "export", "items", *arguments]
    done = subprocess.run(
        command, check=False, stdout=screen.theirs, stderr=subprocess.PIPE, env=environment(settings), timeout=PATIENCE
    )
    assert (done.returncode, screen.close()) == (2, "")
    assert b"--output" in done.stderr


def test_a_terminal_shows_text(settings: dict[str, object]) -> None:
    screen = Terminal()
    command = [str(COMMAND), "export", "series", "--rows", "1", "--columns", "i"]
    done = subprocess.run(
        command, check=False, stdout=screen.theirs, stderr=screen.theirs, env=environment(settings), timeout=PATIENCE
    )
    assert (done.returncode, screen.close()) == (0, "i\r\n1\r\n")


def test_a_terminal_sees_how_far_an_export_is(source: str, settings: dict[str, object], tmp_path: Path) -> None:
    screen = Terminal()
    command = [str(COMMAND), "export", "stream", "--rows", str(ENDLESS), "-o", str(tmp_path / "x.ndjson")]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=screen.theirs, env=environment(settings))
    with process:
        until(lambda: "rows" in screen.so_far and "MB/s" in screen.so_far)
        assert "% of an estimated" in screen.so_far
        process.send_signal(signal.SIGINT)
        assert process.wait(PATIENCE) == 130
    screen.close()
    screen = Terminal()
    done = exporter_on(screen, settings, "items", "-o", tmp_path / "items.csv")
    assert (done, "items.csv: 4 rows, " in screen.close()) == (0, True)
    screen = Terminal()
    done = exporter_on(screen, settings, "items", "-o", tmp_path / "again.csv", "--quiet")
    assert (done, screen.close()) == (0, "")


def exporter_on(screen: Terminal, settings: dict[str, object], *arguments: object) -> int:
    """Run an export whose stderr is a terminal; return its exit code."""
    command = [str(COMMAND), "export", *map(str, arguments)]
    done = subprocess.run(
        command,
        check=False,
        stdout=subprocess.DEVNULL,
        stderr=screen.theirs,
        env=environment(settings),
        timeout=PATIENCE,
    )
    return done.returncode


def test_a_body_that_is_cut_leaves_no_file(service: Service, tmp_path: Path) -> None:
    done = exporter("export", "late", "--server", service.url, "-o", tmp_path / "late.csv")
    assert (done.returncode, contents(tmp_path)) == (7, [])
    assert "cut" in done.stderr


LIST = {"datasets": [{"name": "x", "parameters": [], "formats": {"csv": {"media_type": "text/csv"}}}]}


@pytest.mark.parametrize(
    ("head", "body", "code"),
    [
        ("Content-Length: 4", b"a\n1\n", 0),
        ("Content-Length: 40", b"a\n1\n", 7),
        ("Transfer-Encoding: chunked", b"4\r\na\n1\n\r\n0\r\n\r\n", 0),
        ("Transfer-Encoding: chunked", b"4\r\na\n1\n\r\n", 7),
        ("Transfer-Encoding: chunked", b"4\r\na\n", 7),
        ("X-Nothing: known", b"a\n1\n", 6),
    ],
)
def test_only_a_body_that_is_known_to_be_whole_is_kept(tmp_path: Path, head: str, body: bytes, code: int) -> None:
    """Behind a proxy that ends a cut body as it ends a whole one."""
    listed = json.dumps(LIST).encode()
    answers = [
        b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: %d\r\n\r\n%b" % (len(listed), listed),
        b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Type: text/csv\r\n%b\r\n\r\n%b" % (head.encode(), body),
    ]
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def answer() -> None:
            for each in answers:
                connection, _ = listening.accept()
                with connection:
                    connection.recv(65536)
                    connection.sendall(each)

        serving = threading.Thread(target=answer)
        serving.start()
        url = f"http://127.0.0.1:{listening.getsockname()[1]}"
        done = exporter("export", "x", "--server", url, "-o", tmp_path / "x.csv")
        serving.join(PATIENCE)
    assert done.returncode == code, done.stderr
    assert contents(tmp_path) == ([] if code else ["x.csv"])


@pytest.mark.parametrize("name", ["stream", "sleep"])
def test_an_interrupted_export_through_a_service_leaves_nothing(
    source: str, service: Service, tmp_path: Path, name: str
) -> None:
    """Whether bytes come all the time, or none for ten minutes."""
    parameter = ("--rows", ENDLESS) if name == "stream" else ("--seconds", 600)
    with started("export", name, *parameter, "--server", service.url, "-o", tmp_path / "x.csv") as process:
        until(lambda: statements(source, name) and (name == "sleep" or contents(tmp_path)))
        process.send_signal(signal.SIGINT)
        assert process.wait(PATIENCE) == 130
    until(lambda: not statements(source, name))
    assert contents(tmp_path) == []


@pytest.mark.parametrize(
    ("arguments", "code"),
    [(["nope"], 3), (["items", "-f", "xml"], 3), (["series", "--rows", "x"], 4), (["denied"], 5), (["early"], 7)],
)
def test_a_service_s_refusals_have_the_same_exit_codes(
    service: Service, tmp_path: Path, arguments: list[str], code: int
) -> None:
    done = exporter("export", *arguments, "--server", service.url, "-o", tmp_path / "x")
    assert (done.returncode, done.stdout, contents(tmp_path)) == (code, "", [])
    assert done.stderr.startswith("exporter: ")


def test_a_service_that_is_not_there() -> None:
    done = exporter("export", "items", "--server", f"http://127.0.0.1:{free_port()}")
    assert (done.returncode, done.stdout) == (6, "")
    assert "does not answer" in done.stderr


def test_a_service_with_keys_is_asked_with_the_token_of_a_file(source: str, datasets: Path, tmp_path: Path) -> None:
    token, keys, secret = new_token(), tmp_path / "keys.toml", tmp_path / "token"
    with changing(keys) as known:
        known["reader"] = Key(sha256=digest_of(token), datasets=("items",), created=datetime.now(UTC))
    secret.touch(0o600)
    secret.write_text(f"{token}\n")
    with running(source, datasets, settings={"keys": str(keys)}) as service:
        where = ["--server", service.url, "--key-file", secret]
        assert exporter("export", "items", *where).stdout.startswith("id,name")
        assert exporter("export", "big", *where).returncode == 3
        assert exporter("export", "items", "--server", service.url).returncode == 5
        secret.chmod(0o644)
        done = exporter("export", "items", *where)
        assert (done.returncode, "chmod 600" in done.stderr) == (2, True)
    secret.chmod(0o600)
    done = exporter("export", "items", "--server", "http://192.0.2.1", "--key-file", secret)
    assert (done.returncode, "https://" in done.stderr) == (2, True)
    assert token not in done.stderr
