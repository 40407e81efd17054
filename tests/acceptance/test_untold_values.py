"""No value of a row or of a sensitive argument gets into log, audit log or metrics, whatever fails over it."""

import asyncio
from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import pytest

from tests.acceptance.catalogue import dataset
from tests.acceptance.conftest import written
from tests.acceptance.problems import problem
from tests.acceptance.service import Service, running, until
from tests.postgres import execute

ROW, NUMBER, ARGUMENT = "canaryofrows", "98765432", "canaryofarguments"
CANARIES = (ROW, NUMBER, ARGUMENT, "9.8765432")
EXTENSIONS = ("csv", "ndjson", "parquet", "arrows")

TABLES = f"""
DROP SCHEMA IF EXISTS untold CASCADE;
CREATE SCHEMA untold;
CREATE TABLE untold.rows AS SELECT '{ROW}'::text AS word, {NUMBER}::numeric AS number;
CREATE FUNCTION untold.raised(word text, code text) RETURNS int LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'no % here', word USING ERRCODE = code, DETAIL = word, HINT = word, TABLE = word, COLUMN = word;
END $$;
CREATE FUNCTION untold.run(sql text) RETURNS int LANGUAGE plpgsql AS $$ BEGIN EXECUTE sql; RETURN 1; END $$;
"""

SENSITIVE = '[parameters.s]\ntype = "{}"\nsensitive = true\n'
CODES = ("P0001", "22012", "53400", "40001", "42501", "55P03", "57014", "0A000", "42601", "08006", "58030", "XX000")
ROWS = {
    **{f"raised_{code.lower()}": f"untold.raised(word, '{code}')" for code in CODES},
    "integer": "word::int",
    "date": "word::date",
    "json": "word::json",
    "regclass": "word::regclass",
    "uuid": "word::uuid",
    "pattern": "'a' ~ ('(' || word)",
    "zone": "now() AT TIME ZONE word",
    "file": "pg_read_file(word)",
    "column": "untold.run(format('SELECT %I', word))",
    "relation": "untold.run(format('SELECT * FROM %I', word))",
    "syntax": "untold.run(word)",
    "setting": "set_config('work_mem', word, true)",
    "overflow": "number::int2",
}
MISFITS = {
    "misfit": ('[columns.a]\ntype = "decimal(5,2)"', "SELECT number AS a FROM untold.rows"),
    "misfits": ("", "SELECT ARRAY[ARRAY[number]] AS a FROM untold.rows"),
    "argument": (SENSITIVE.format("numeric") + '[columns.a]\ntype = "decimal(5,2)"', "SELECT :s AS a"),
}
ARGUMENTS = {
    "cast": (SENSITIVE.format("text"), "SELECT :s::int AS a"),
    "cast_fetched": ('source = "cursor"\n' + SENSITIVE.format("text"), "SELECT :s::int AS a"),
    "told": (SENSITIVE.format("text"), "SELECT untold.raised(:s, '22000') AS a"),
    "named": (SENSITIVE.format("text"), "SELECT untold.run(format('SELECT * FROM %I', :s)) AS a"),
}
REFUSED = {
    "day": (SENSITIVE.format("date"), "SELECT :s AS a"),
    "moment": (SENSITIVE.format("timestamp"), "SELECT :s AS a"),
    "number": (SENSITIVE.format("integer"), "SELECT :s AS a"),
    "amount": (SENSITIVE.format("numeric"), "SELECT :s AS a"),
}
DATASETS = {
    **{name: dataset("", f"SELECT {sql} AS a FROM untold.rows") for name, sql in ROWS.items()},
    **{
        f"{name}_fetched": dataset('source = "cursor"', f"SELECT {sql} AS a FROM untold.rows")
        for name, sql in ROWS.items()
    },
    **{name: dataset(*made) for name, made in (MISFITS | ARGUMENTS | REFUSED).items()},
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("untold")


@pytest.fixture(scope="module")
def service(source: str, folder: Path) -> Iterator[Service]:
    asyncio.run(execute(source, TABLES))
    (folder / "datasets").mkdir()
    settings = {"audit_log": str(folder / "audit"), "pool_size": "2", "log_level": "DEBUG"}
    with running(source, written(folder / "datasets", DATASETS), settings=settings) as started:
        yield started


@pytest.fixture
def clean(service: Service, folder: Path) -> Iterator[None]:
    """No canary is in anything that the service tells meanwhile."""
    files = [service.log, folder / "audit"]
    before = [len(file.read_text()) for file in files]
    yield
    last = f"/datasets/{uuid4()}"
    service.curl(last)
    until(lambda: last in (folder / "audit").read_text())
    logs = [file.read_text()[length:] for file, length in zip(files, before, strict=True)]
    logs.append(service.curl("/metrics").text)
    seen = [line for text in logs for line in text.splitlines() if any(canary in line for canary in CANARIES)]
    assert not seen, f"{len(seen)} lines, of which the first: {seen[0]}"


def fails(service: Service, path: str) -> str:
    """Ask for what fails, before the first byte or behind it, and return its line in the log."""
    answer = service.curl(f"/datasets/{path}")
    assert answer.exit or answer.status >= 400, path
    if "export-id" in answer.headers:
        return service.logged(f"id={answer.headers['export-id']}")
    return service.logged(f"id={answer.json()['instance'].removeprefix('urn:uuid:')}")


@pytest.mark.parametrize("extension", EXTENSIONS)
@pytest.mark.usefixtures("clean")
def test_of_a_row_that_the_server_fails_over(service: Service, extension: str) -> None:
    for name in ROWS:
        for source in ("", "_fetched"):
            line = fails(service, f"{name}{source}.{extension}")
            assert "outcome=failed" in line, name
            assert "sqlstate=" in line, name


@pytest.mark.parametrize("extension", ["parquet", "arrows"])
@pytest.mark.usefixtures("clean")
def test_of_a_value_that_does_not_fit_its_type(service: Service, extension: str) -> None:
    for path in ("misfit", "misfits", "argument"):
        arguments = "?s=9.8765432e7" if path == "argument" else ""
        line = fails(service, f"{path}.{extension}{arguments}")
        assert ", row 1: it " in line
        assert "does not fit decimal128(5, 2)" in line or path == "misfits"
    # Who asked, and may read the row, is told.
    detail = problem(service.curl(f"/datasets/misfit.{extension}"), 409, "unrepresentable-value")["detail"]
    assert NUMBER in detail


@pytest.mark.parametrize("extension", EXTENSIONS)
@pytest.mark.usefixtures("clean")
def test_of_a_sensitive_argument(service: Service, extension: str) -> None:
    for name in ARGUMENTS:
        assert "s='***'" not in fails(service, f"{name}.{extension}?s={ARGUMENT}"), "as a field of its own"
    for name in REFUSED:
        problem(service.curl(f"/datasets/{name}.{extension}?s={ARGUMENT}"), 422, "invalid-parameters")
        problem(service.curl(f"/datasets/{name}.{extension}?s=1&other={ARGUMENT}"), 422, "invalid-parameters")
        problem(service.curl(f"/datasets/{name}.{extension}?s=1&_limt={ARGUMENT}"), 422, "invalid-parameters")
    assert service.curl(f"/datasets/told?s={ARGUMENT}").status == 422
    assert service.curl(f"/datasets/told.{extension}?s={ARGUMENT}%00").status in (409, 422)
    assert service.curl(f"/datasets/told.{extension}?s={ARGUMENT}", "-X", "POST").status == 405
    assert service.curl(f"/datasets/told.{extension}?s={ARGUMENT}", "-H", "Accept-Encoding: no").status == 409
