"""`exporter serve` refuses a wrong catalogue, and `exporter check` one that does not fit the database."""

from importlib.metadata import version
from pathlib import Path

import pytest

from tests.acceptance.command import exporter
from tests.acceptance.service import free_port


@pytest.fixture
def wrong(tmp_path: Path) -> Path:
    """A folder with several faults in two files, beside one that is right."""
    (tmp_path / "good.sql").write_text("SELECT 1 AS one\n")
    (tmp_path / "orders.sql").write_text(
        '/*\ntitle = "Orders"\ncolour = "red"\n\n[parameters.since]\ntype = "dat"\n*/\nSELECT 1\nWHERE :until\n'
    )
    (tmp_path / "table.sql").write_text('/*\ntable = "a; DROP TABLE b"\n*/\n')
    return tmp_path


@pytest.mark.parametrize("command", ["serve", "check"])
def test_every_fault_is_told_with_file_and_line(source: str, wrong: Path, command: str) -> None:
    arguments = ["--port", free_port()] if command == "serve" else []
    done = exporter(command, "--database-url", source, "--datasets", wrong, *arguments)
    assert done.returncode == 1
    lines = done.stderr.splitlines()
    assert any(line.startswith(f"{wrong / 'orders.sql'}:3: ") and "colour" in line for line in lines)
    assert any(line.startswith(f"{wrong / 'orders.sql'}:6: ") and "type" in line for line in lines)
    assert any(line.startswith(f"{wrong / 'orders.sql'}:9: ") and "until" in line for line in lines)
    assert any(line.startswith(f"{wrong / 'table.sql'}:2: ") for line in lines)
    assert "Traceback" not in done.stderr
    assert "good.sql" not in done.stderr


def test_check_asks_the_database(source: str, tmp_path: Path) -> None:
    (tmp_path / "good.sql").write_text("SELECT id FROM acceptance.items\n")
    (tmp_path / "lost.sql").write_text("/*\n*/\nSELECT id\nFROM acceptance.lost\n")
    (tmp_path / "column.sql").write_text("SELECT id, size FROM acceptance.items\n")
    (tmp_path / "two.sql").write_text("SELECT 1; SELECT 2\n")
    done = exporter("check", "--database-url", source, "--datasets", tmp_path)
    assert done.returncode == 1
    told = {line.partition(": ")[0].rpartition("/")[2].partition(":")[0]: line for line in done.stderr.splitlines()}
    assert told.keys() == {"lost.sql", "column.sql", "two.sql"}
    assert 'relation "acceptance.lost" does not exist' in told["lost.sql"]
    assert "lost.sql:4: " in told["lost.sql"]
    assert "Traceback" not in done.stderr


def test_check_that_finds_nothing_wrong(source: str, tmp_path: Path) -> None:
    (tmp_path / "good.sql").write_text("SELECT id FROM acceptance.items\n")
    done = exporter("check", database_url=source, datasets=tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    assert "1 dataset" in done.stdout


def test_check_warns_of_a_key_that_has_no_effect(source: str, tmp_path: Path) -> None:
    (tmp_path / "good.sql").write_text('/*\nsplit_by = "id"\n*/\nSELECT id FROM acceptance.items\n')
    header = '/*\nsplit_by = "id"\n[parameters.least]\ntype = "integer"\n*/'
    (tmp_path / "dice.sql").write_text(f"{header}\nSELECT id, random() FROM acceptance.items WHERE id > :least\n")
    done = exporter("check", database_url=source, datasets=tmp_path)
    expected = f"{tmp_path / 'dice.sql'}:5: warning: split_by has no effect: random would differ between connections\n"
    assert (done.returncode, done.stderr) == (0, expected)
    assert "2 datasets" in done.stdout


def test_check_without_a_database(tmp_path: Path) -> None:
    (tmp_path / "good.sql").write_text("SELECT 1 AS one\n")
    dsn = f"postgresql://someone:very-secret@127.0.0.1:{free_port()}/nowhere"
    done = exporter("check", "--database-url", dsn, "--datasets", tmp_path)
    assert done.returncode == 1
    assert "Traceback" not in done.stderr
    assert "very-secret" not in done.stderr
    warning, failure = done.stderr.splitlines()
    assert warning.startswith("exporter: every user of this machine can see the password in --database-url: ")
    assert "EXPORTER_DATABASE_URL" in warning
    assert failure.startswith("exporter: cannot query the database: ")
    without = exporter("check", "--datasets", tmp_path, database_url=dsn)
    assert without.stderr.startswith("exporter: cannot query the database: ")


def test_missing_settings_are_named(tmp_path: Path) -> None:
    done = exporter("serve")
    assert done.returncode == 1
    assert "EXPORTER_DATABASE_URL" in done.stderr
    assert "EXPORTER_DATASETS" in done.stderr
    assert "Traceback" not in done.stderr


def test_folder_that_is_not_there(source: str, tmp_path: Path) -> None:
    done = exporter("serve", "--database-url", source, "--datasets", tmp_path / "none")
    assert done.returncode == 1
    assert str(tmp_path / "none") in done.stderr


@pytest.mark.parametrize("command", [("serve",), ("check",), ("demo",), ("keys", "list")])
def test_a_misspelt_setting_stops_every_command(command: tuple[str, ...], tmp_path: Path) -> None:
    done = exporter(*command, database_url="postgresql:///x", datasets=tmp_path, kes="keys.toml")
    assert done.returncode == 1
    assert done.stderr == "exporter: EXPORTER_KES is not a setting; did you mean EXPORTER_KEYS?\n"


def test_a_blank_setting_is_not_taken_for_an_open_service(source: str, datasets: Path) -> None:
    done = exporter("serve", database_url=source, datasets=datasets, jwt_keys="")
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == "exporter: EXPORTER_JWT_KEYS is blank: unset it or give it a value\n"


@pytest.mark.parametrize("command", ["serve", "check"])
def test_a_url_that_no_driver_takes_is_refused_and_not_repeated(datasets: Path, command: str) -> None:
    done = exporter(command, "--database-url", "postgresql://u:geheim@host:notaport/db", "--datasets", datasets)
    assert done.returncode == 1
    assert "EXPORTER_DATABASE_URL: expected postgresql://" in done.stderr
    assert "geheim" not in done.stderr
    assert "Traceback" not in done.stderr


def test_what_a_url_says_and_cannot_be_kept_stops_the_start(datasets: Path, tmp_path: Path) -> None:
    """As each of Neon's does; and what would fail with each connection only."""
    neon = "postgresql://u:geheim@ep-x.neon.tech/db?sslmode=require&channel_binding=require"
    done = exporter("serve", database_url=neon, datasets=datasets)
    assert done.returncode == 1
    assert done.stderr.startswith("exporter: EXPORTER_DATABASE_URL: channel_binding: expected disable or prefer; ")
    file = tmp_path / "pgpass"
    file.write_text("*:*:*:*:geheim")
    file.chmod(0o644)
    wrong = exporter("check", database_url=f"postgresql:///x?passfile={file}", datasets=datasets)
    assert wrong.returncode == 1
    assert wrong.stderr.startswith(f"exporter: EXPORTER_DATABASE_URL: passfile: {file} can be read or written by users")
    assert wrong.stderr.endswith(f": chmod 600 {file}\n")
    assert "geheim" not in done.stderr + wrong.stderr


JWT = {"jwt_algorithms": "ES256", "jwt_issuer": "i", "jwt_audience": "a"}


def test_keys_that_cannot_be_read_stop_the_start_by_the_name_of_their_setting(datasets: Path, tmp_path: Path) -> None:
    named = {"database_url": "postgresql:///x", "datasets": datasets}
    (tmp_path / "jwks.json").write_text("{}")
    done = exporter("serve", **named, keys=tmp_path)
    assert (done.returncode, done.stderr) == (1, f"exporter: EXPORTER_KEYS: {tmp_path}: Is a directory\n")
    done = exporter("serve", **named, **JWT, jwt_keys=tmp_path / "none.json")
    assert done.returncode == 1
    assert done.stderr == f"exporter: EXPORTER_JWT_KEYS: {tmp_path / 'none.json'}: No such file or directory\n"
    done = exporter("serve", **named, **JWT, jwt_keys=tmp_path / "jwks.json")
    assert done.returncode == 1
    assert done.stderr.startswith(f"exporter: EXPORTER_JWT_KEYS: {tmp_path / 'jwks.json'}: expected a JWKS")


def test_the_version_is_that_of_the_package() -> None:
    assert exporter("--version").stdout.strip() == version("velithon-exporter")


def test_an_audit_log_that_cannot_be_written_stops_the_start(source: str, datasets: Path, tmp_path: Path) -> None:
    arguments = ("serve", "--database-url", source, "--datasets", datasets, "--port", free_port())
    done = exporter(*arguments, audit_log=tmp_path / "none" / "log")
    assert done.returncode == 1
    assert done.stderr.startswith("exporter: EXPORTER_AUDIT_LOG: ")
    assert "No such file or directory" in done.stderr
