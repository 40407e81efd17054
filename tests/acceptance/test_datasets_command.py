"""`exporter datasets` and `exporter completion`: a real process and a real database."""

import asyncio
import json
import signal
import subprocess
from pathlib import Path

import pytest

from queries import table
from queries.pool import Pool
from queries.session import Session
from queries.table import table_of
from tests.acceptance.command import exporter, started
from tests.acceptance.service import PATIENCE, Service, free_port
from tests.postgres import execute

SHOP = r"""
DROP SCHEMA IF EXISTS "Shop" CASCADE;
CREATE SCHEMA "Shop";
CREATE TABLE "Shop"."Orders" (id int8 PRIMARY KEY, "order" text, dropped int, "Odd ""name" date NOT NULL);
ALTER TABLE "Shop"."Orders" DROP COLUMN dropped;
COMMENT ON TABLE "Shop"."Orders" IS E'All */ of "them" /*,\nlate ones too \\';
COMMENT ON COLUMN "Shop"."Orders".id IS E'Counts up,\nsince :ever';
INSERT INTO "Shop"."Orders" VALUES (1, 'first', '2024-01-31');
CREATE TABLE "Shop".pairs (a int8, b int8, PRIMARY KEY (a, b));
CREATE TABLE "Shop".named (name text PRIMARY KEY);
CREATE VIEW "Shop".view AS TABLE "Shop"."Orders";
"""


@pytest.fixture
def shop(source: str) -> str:
    asyncio.run(execute(source, SHOP))
    return source


def test_a_list_needs_no_database(datasets: Path) -> None:
    done = exporter("datasets", "list", datasets=datasets)
    assert (done.returncode, done.stderr) == (0, "")
    lines = done.stdout.splitlines()
    assert lines[0].split() == ["NAME", "PARAMETERS", "TITLE"]
    assert [line.split() for line in lines if line.startswith(("items ", "typed "))] == [
        ["items", "-", "Items"],
        ["typed", "day", "number", "kind", "words", "typed"],
    ]


def test_json_is_what_the_service_says(service: Service, source: str, datasets: Path) -> None:
    served = service.curl("/datasets").json()["datasets"]
    told = json.loads(exporter("datasets", "list", "--json", datasets=datasets).stdout)["datasets"]
    assert [(one["name"], one["parameters"]) for one in told] == [(one["name"], one["parameters"]) for one in served]
    done = exporter("datasets", "show", "items", "--json", database_url=source, datasets=datasets)
    assert json.loads(done.stdout) == service.curl("/datasets/items").json()


def test_a_dataset_is_described_with_and_without_a_database(source: str, datasets: Path) -> None:
    done = exporter("datasets", "show", "items", datasets=datasets)
    assert (done.returncode, done.stderr, "COLUMN" in done.stdout) == (0, "", False)
    done = exporter("datasets", "show", "items", database_url=source, datasets=datasets)
    rows = [line.split() for line in done.stdout.splitlines()]
    assert ["id", "bigint", "int64"] in [row[:3] for row in rows]
    assert ["parquet", "Parquet"] in [row[:2] for row in rows]
    typed = exporter("datasets", "show", "typed", datasets=datasets).stdout
    assert [line.split()[:3] for line in typed.splitlines() if line.startswith("day")] == [["day", "date", "required"]]
    wrong = exporter("datasets", "show", "itmes", datasets=datasets)
    assert (wrong.returncode, wrong.stdout) == (1, "")
    assert "did you mean items?" in wrong.stderr
    away = exporter("datasets", "show", "items", "--database-url", f"postgresql://127.0.0.1:{free_port()}/x")
    assert (away.returncode, "EXPORTER_DATASETS" in away.stderr) == (1, True)


@pytest.mark.parametrize("name", ['"Shop"."Orders"', '"Shop".view', '"Shop".pairs'])
def test_a_new_dataset_passes_the_check(shop: str, tmp_path: Path, name: str) -> None:
    settings = {"database_url": shop, "datasets": tmp_path}
    done = exporter("datasets", "new", "orders", "--from-table", name, **settings)
    assert (done.returncode, done.stdout) == (0, "")
    checked = exporter("check", **settings)
    assert (checked.returncode, checked.stderr) == (0, "")
    assert exporter("export", "orders", **settings).returncode == 0


def test_a_new_dataset_has_the_columns_and_their_comments(shop: str, tmp_path: Path) -> None:
    settings = {"database_url": shop, "datasets": tmp_path}
    exporter("datasets", "new", "orders", "--from-table", '"Shop"."Orders"', **settings)
    assert (tmp_path / "orders.sql").read_text() == (
        "/*\n"
        'title = "Orders"\n'
        r"""description = "All *\u002f of \"them\" /\u002a,\nlate ones too \\"
"""
        "*/\n"
        "SELECT\n"
        "    id,  -- Counts up, since :ever\n"
        '    "order",\n'
        '    "Odd ""name"\n'
        'FROM "Shop"."Orders"\n'
    )
    told = json.loads(exporter("datasets", "show", "orders", "--json", **settings).stdout)
    assert told["description"] == 'All */ of "them" /*,\nlate ones too \\'
    assert exporter("export", "orders", **settings).stdout == 'id,order,"Odd ""name"\n1,first,2024-01-31\n'


def test_a_new_dataset_replaces_no_file(shop: str, tmp_path: Path) -> None:
    (tmp_path / "orders.sql").write_text("SELECT 1 AS mine\n")
    new = ("datasets", "new", "orders", "--from-table", '"Shop"."Orders"')
    done = exporter(*new, database_url=shop, datasets=tmp_path)
    assert (done.returncode, "File exists" in done.stderr) == (1, True)
    assert (tmp_path / "orders.sql").read_text() == "SELECT 1 AS mine\n"
    assert exporter(*new, "--force", database_url=shop, datasets=tmp_path).returncode == 0
    assert "mine" not in (tmp_path / "orders.sql").read_text()


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["orders", "--from-table", "shop.orders"], "there is no table or view shop.orders"),
        (["orders", "--from-table", "a; DROP TABLE b"], "expected a table such as"),
        (["../orders", "--from-table", '"Shop".pairs'], "expected a name of letters"),
    ],
)
def test_what_cannot_become_a_dataset(shop: str, tmp_path: Path, arguments: list[str], told: str) -> None:
    done = exporter("datasets", "new", *arguments, database_url=shop, datasets=tmp_path)
    assert (done.returncode, done.stdout, told in done.stderr) == (1, "", True)
    assert "Traceback" not in done.stderr
    assert list(tmp_path.iterdir()) == []


@pytest.mark.anyio
@pytest.mark.parametrize(
    ("name", "worth", "key"), [("Orders", 0, "id"), ("Orders", 2**26, None), ("pairs", 0, None), ("named", 0, None)]
)
async def test_a_key_is_suggested_where_it_pays(
    source: str, monkeypatch: pytest.MonkeyPatch, name: str, worth: int, key: str | None
) -> None:
    """Of one column, of a type that has ranges, and of a large table."""
    await execute(source, SHOP)
    monkeypatch.setattr(table, "_WORTH_DIVIDING", worth)
    pool = Pool(source, size=1, acquire_timeout=5, session=Session(60, 10))
    async with pool.transaction("table") as connection:
        found = await table_of(connection, f'"Shop"."{name}"')
    await pool.close()
    assert found is not None
    assert found.key == key


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_each_shell_has_its_completion(shell: str) -> None:
    done = exporter("completion", shell)
    assert (done.returncode, done.stderr) == (0, "")
    assert all(word in done.stdout for word in ("exporter", "export", "datasets", "force"))
    if shell == "bash":
        subprocess.run(["bash", "-n"], input=done.stdout, text=True, check=True)


def test_a_list_that_nobody_reads_ends_as_cat_does(datasets: Path) -> None:
    with started("datasets", "list", datasets=datasets) as process:
        assert process.stdout is not None
        process.stdout.close()
        assert process.wait(PATIENCE) == -signal.SIGPIPE
        assert process.stderr is not None
        assert process.stderr.read() == b""
