"""A folder of SQL files becomes datasets, or a list of everything that is wrong with it."""

from pathlib import Path

import pytest

from queries.catalog import CatalogError, load
from tests.unit.files import ORDERS, write


def faults(directory: Path) -> list[str]:
    with pytest.raises(CatalogError) as caught:
        load(directory)
    assert str(caught.value).split("\n") == [str(fault) for fault in caught.value.faults]
    return [f"{fault.path.name}:{fault.line}: {fault.message}" for fault in caught.value.faults]


def test_a_file_becomes_a_dataset(tmp_path: Path) -> None:
    dataset = load(write(tmp_path, **{"sales.orders": ORDERS}))["sales.orders"]
    assert (dataset.name, dataset.title, dataset.header.source) == ("sales.orders", "Orders", "cursor")
    assert (dataset.header.statement_timeout, dataset.header.cache_control) == (1.5, "max-age=60")
    assert [(p.name, p.type, p.default, p.required) for p in dataset.parameters] == [
        ("since", "date", "2024-01-01", False),
        ("ids", "integer[]", None, False),
    ]
    assert dataset.header.columns["total"].type == "decimal(12,2)"
    assert dataset.query.numbered().strip().splitlines()[0] == "SELECT * FROM orders"
    assert dataset.query.numbered().endswith('ANY(($2::pg_catalog.text[]::"pg_catalog"."int4"[]))')
    assert ORDERS.split("\n")[dataset.line :] == dataset.sql.split("\n")[1:]


def test_a_file_may_have_no_header(tmp_path: Path) -> None:
    dataset = load(write(tmp_path, one="SELECT 1 /* title = 'no header' */"))["one"]
    assert (dataset.title, dataset.parameters, dataset.line) == ("one", (), 1)


@pytest.mark.parametrize("start", ["\ufeff", "\n\n", "-- by me\r\n"])
def test_white_space_a_bom_and_line_comments_may_stand_before_the_header(tmp_path: Path, start: str) -> None:
    assert load(write(tmp_path, one=start + '/* title = "T" */\r\nSELECT 1'))["one"].title == "T"


def test_datasets_are_sorted_and_other_files_are_ignored(tmp_path: Path) -> None:
    write(tmp_path, b="SELECT 1", a="SELECT 1", **{".hidden": "nonsense"})
    (tmp_path / "README.md").write_text("text")
    (tmp_path / "sub").mkdir()
    assert list(load(tmp_path)) == ["a", "b"]


@pytest.mark.parametrize(
    ("table", "sql"),
    [
        ("orders", 'SELECT * FROM "orders"'),
        ("Public.ORDERS", 'SELECT * FROM "public"."orders"'),
        ("user", 'SELECT * FROM "user"'),
        ("É$1", 'SELECT * FROM "É$1"'),
        ('public."a"".b; --"', 'SELECT * FROM public."a"".b; --"'.replace("public", '"public"')),
    ],
)
def test_a_table_needs_no_sql(tmp_path: Path, table: str, sql: str) -> None:
    dataset = load(write(tmp_path, t=f"/* table = '{table}' */\n-- all of it\n;"))["t"]
    assert (dataset.query.numbered(), dataset.title) == (sql, "t")


@pytest.mark.parametrize(
    "table",
    [
        "", "a b", "a; drop table a", "a.b.c", "a.", ".a", "a..b", "a(1)", "(select 1)", "a--", "a/**/", 'a"b"',
        '"a', '""', "$1", "1a", "a, b", "a.*", ":a", 'U&"a"', "$$a$$", "'a'", "a\n",
    ],
)  # fmt: skip
def test_nothing_but_a_name_passes_for_a_table(tmp_path: Path, table: str) -> None:
    found = faults(write(tmp_path, t=f"/*\ntable = '''{table}'''\n*/"))
    assert found == ['t.sql:2: table: expected a table such as public.orders or "Sales"."Orders"']


def test_everything_wrong_with_a_file_is_told_at_once_with_its_line(tmp_path: Path) -> None:
    text = """/*
titel = "Orders"
cache_control = "a\\r\\nSet-Cookie: x"
statement_timeout = -1
source = "file"
name = "x"
[parameters.since]
typ = "date"
[columns.a]
type = "float"
on_unrepresentable = "nil"
title = 1
*/

SELECT 1 WHERE now() > :since
 and :sinc and $1 and x[1:q] and ':r' -- :s
"""
    assert faults(write(tmp_path, wrong=text)) == [
        "wrong.sql:2: titel: unknown key; did you mean title?",
        "wrong.sql:3: cache_control: expected one line of printable ASCII",
        "wrong.sql:4: statement_timeout: Input should be greater than 0",
        "wrong.sql:5: source: Input should be 'copy' or 'cursor'",
        "wrong.sql:6: name: unknown key",
        "wrong.sql:7: parameters.since.type: missing",
        "wrong.sql:8: parameters.since.typ: unknown key; did you mean type?",
        'wrong.sql:10: columns.a.type: expected "decimal(p,s)" with p up to 76, "double", "json" or "string"',
        "wrong.sql:11: columns.a.on_unrepresentable: Input should be 'error' or 'null'",
        "wrong.sql:12: columns.a.title: unknown key",
        "wrong.sql:16: $1 cannot be bound: declare a parameter and write its :name",
        "wrong.sql:16: :sinc is not declared; did you mean since?",
    ]


def test_defaults_limits_and_names_are_checked(tmp_path: Path) -> None:
    text = (
        "/*\n[parameters.a]\ntype = 'smallint'\ndefault = 99999\n[parameters.b]\ntype = 'integer'\nmin = 5\nmax = 3\n"
        "[parameters._z]\ntype = 'date'\n[parameters.c]\ntype = 'text'\npattern = '('\nname = 'd'\n"
        "[columns.x]\ntype = 'decimal(99,1)'\n[parameters.e]\ntype = 'text'\nchoices = ['a']\ndefault = 'b'\n*/\n"
        "SELECT :a, :b, :_z, :c"
    )
    assert faults(write(tmp_path, f=text)) == [
        "f.sql:4: parameters.a.default: expected an integer from -32768 to 32767, got '99999'",
        "f.sql:8: parameters.b.max: max 3 is less than min 5",
        "f.sql:9: parameters._z: expected a name of a-z, 0-9 and _ that begins with a letter",
        "f.sql:13: parameters.c.pattern: not a valid regular expression (RE2): missing ): (",
        "f.sql:14: parameters.c.name: unknown key",
        'f.sql:16: columns.x.type: expected "decimal(p,s)" with p up to 76, "double", "json" or "string"',
        "f.sql:17: :e is declared but not used",
        "f.sql:20: parameters.e.default: expected one of a, got 'b'",
    ]


NO_HEADER = "if that comment is not a header, begin each of its lines with --"
ENDED = 'the first */ ends the header, even in a string or after #: write "*\\u002f" in a string'


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("/*\n\na = 1\nb = \n*/ SELECT 1", [f"f.sql:4: the header is not TOML: Invalid value; {NO_HEADER}"]),
        ("\n/* a = 1\r\na = 2\r\n*/ SELECT 1",
         [f"f.sql:3: the header is not TOML: Cannot overwrite a value; {NO_HEADER}"]),
        ('/*\na = """\n\n*/ SELECT 1', [f"f.sql:4: the header is not TOML: Unterminated string; {ENDED}"]),
        ("-- x\n/* title = 'a'\nSELECT 1", ["f.sql:2: the comment never ends: close it with */"]),
        ("/*/", ["f.sql:1: the comment never ends: close it with */"]),
        ("", ["f.sql:1: no SQL: write a SELECT, or name a table in the header"]),
        ("/* */\n-- x\n;", ["f.sql:1: no SQL: write a SELECT, or name a table in the header"]),
        ("/*\ntable = 'a'\n*/ SELECT 1", ["f.sql:2: there are both a table and SQL: remove one"]),
        (
            "/*\ntable = 'a'\nsplit_by = 'id'\n*/",
            ["f.sql:3: split_by: a table is divided by its pages: remove split_by"],
        ),
        (
            "/*\nsource = 'cursor'\nsplit_by = 'id'\n*/ SELECT id FROM a\nLIMIT 5",
            ["f.sql:3: split_by: a cursor uses one connection: remove split_by or source",
             "f.sql:5: split_by: a query with LIMIT cannot be divided: remove one of the two"],
        ),
        (
            "/*\ntitle = 'a'\npartition_by = 'id'\n*/ SELECT id FROM a",
            ["f.sql:3: partition_by: unknown key; write split_by"],
        ),
        (
            "/*\ntable = 'a'\n[parameters.p]\ntype = 'date'\n*/",
            ["f.sql:3: parameters.p: a table takes no parameters: remove it"],
        ),
        ("/*\ndescription = '''\nsource = 1\n'''\nsource = 1\n*/ SELECT 1",
         ["f.sql:5: source: Input should be 'copy' or 'cursor'"]),
        ("/* parameters = 1 */ SELECT 1", ["f.sql:1: parameters: expected a table"]),
        ("/*\n[parameters]\np = 1\n*/ SELECT :p", ["f.sql:3: parameters.p: expected a table"]),
        ("SELECT 1,\n :a, $1", ["f.sql:2: $1 cannot be bound: declare a parameter and write its :name",
                                 "f.sql:2: :a is not declared"]),
        ("SELECT\n\0", ["f.sql:2: contains a NUL character: remove it"]),
    ],
)  # fmt: skip
def test_a_fault_has_its_line(tmp_path: Path, text: str, expected: list[str]) -> None:
    assert faults(write(tmp_path, f=text)) == expected


def test_files_that_cannot_be_read_are_told(tmp_path: Path) -> None:
    (tmp_path / "latin.sql").write_bytes(b"SELECT 1\n -- \xe9")
    (tmp_path / "folder.sql").mkdir()
    assert faults(tmp_path) == [
        "folder.sql:1: cannot be read: Is a directory",
        "latin.sql:2: not UTF-8: save the file as UTF-8",
    ]


@pytest.mark.parametrize("name", ["a b", "-a", "a..b", "a.", "é", "a_b!", "a\nb"])
def test_a_bad_name_is_refused(tmp_path: Path, name: str) -> None:
    write(tmp_path, **{name: "SELECT :x"})
    with pytest.raises(CatalogError) as caught:
        load(tmp_path)
    assert len(caught.value.faults) == 2


def test_names_that_differ_only_by_case_are_refused(tmp_path: Path) -> None:
    write(tmp_path, Orders="SELECT 1")
    if (tmp_path / "orders.sql").exists():
        pytest.skip("this file system does not tell upper from lower case")
    write(tmp_path, orders="SELECT 1")
    assert faults(tmp_path) == ["orders.sql:1: the name differs from Orders.sql only in case: rename one of the files"]


def test_faults_of_all_files_come_together(tmp_path: Path) -> None:
    assert [fault[:5] for fault in faults(write(tmp_path, a="", b="SELECT :x", c="SELECT 1"))] == ["a.sql", "b.sql"]


def test_an_empty_or_missing_folder_says_what_to_do(tmp_path: Path) -> None:
    for directory in (tmp_path, tmp_path / "none"):
        with pytest.raises(CatalogError, match=r"NAME\.sql with a SELECT") as caught:
            load(directory)
        assert str(caught.value).startswith(f"{directory}: no ")
