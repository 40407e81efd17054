"""Which comment of a file is its header, as people write files: below a licence, above a hint, with paths in it."""

from pathlib import Path

import pytest

from queries.catalog import CatalogError, load
from queries.dataset import Dataset

MIT = """/* Copyright (c) 2024 Example Ltd.
 *
 * Permission is hereby granted, free of charge, to any person obtaining a copy of this software and associated
 * documentation files (the "Software"), to deal in the Software without restriction, including without limitation
 * source code, and/or tables: see [LICENSE] or http://example.com/?a=b
 */
"""
APACHE = """/*
   Licensed under the Apache License, Version 2.0 (the "License");
   you may not use this file except in compliance with the License.

       http://www.apache.org/licenses/LICENSE-2.0

   Title: none. [1] See NOTICE
*/"""
LINES = "-- Copyright (c) 2024 Example Ltd.\n-- SPDX-License-Identifier: MIT\n"
HEADER = '/*\ntitle = "T"\n\n[parameters.n]\ntype = "integer"\ndefault = 5\n*/'
HINT = "/*+ SeqScan(t) Set(work_mem = '1GB') */"


def read(folder: Path, text: str) -> Dataset:
    (folder / "f.sql").write_text(text, encoding="utf-8", newline="")
    return load(folder)["f"]


def faults(folder: Path, text: str) -> list[str]:
    with pytest.raises(CatalogError) as caught:
        read(folder, text)
    return [f"{fault.line}: {fault.message}" for fault in caught.value.faults]


@pytest.mark.parametrize(
    "above",
    [MIT, APACHE, "/* of the\nsource. Of the\ntable, see: there */", LINES, MIT + APACHE, "/**/", "/* orders.sql */",
     "/*****\n Orders\n=====\n*****/",
     "/* vim: set sw=4: */", "/* a /* nested */ note */", "\ufeff" + MIT.replace("\n", "\r\n"), "/* # nothing = 1 */"],
)  # fmt: skip
@pytest.mark.parametrize("below", ["", HINT, "/* title of the table: see above */"])
def test_comments_around_the_header_are_comments(tmp_path: Path, above: str, below: str) -> None:
    dataset = read(tmp_path, f"{above}\n{HEADER}\n{below}\nSELECT :n AS n FROM t")
    assert (dataset.title, [parameter.name for parameter in dataset.parameters]) == ("T", ["n"])
    # The server gets what stands below, such as a hint, but no licence with each export.
    assert dataset.sql.strip() == f"{below}\nSELECT :n AS n FROM t".strip()
    assert dataset.line == f"{above}\n{HEADER}".count("\n") + 1


@pytest.mark.parametrize("above", [MIT, HINT, APACHE + HINT, "/* the paid ones */", "/*+ Parallel(t 4) */ /* some */"])
def test_a_file_without_a_header_keeps_its_comments(tmp_path: Path, above: str) -> None:
    dataset = read(tmp_path, f"{above}\nSELECT 1")
    assert (dataset.title, dataset.sql, dataset.line) == ("f", f"{above}\nSELECT 1", 1)


def test_a_table_below_a_licence(tmp_path: Path) -> None:
    assert read(tmp_path, f"{MIT}/* table = 'orders' */\n/* all of it */").header.table == '"orders"'


@pytest.mark.parametrize(
    "key",
    ["max_rows = ", "max_rows: 5", " * max_rows = 5", "max_row = 5", "[column.a]", "[[parameters]]", "parameters.n = 1",
     "columns . a . type = 1", 'columns."Kurs €".type = 1', "columns.'a b'.type = 1", "[a] # b", "\t[ a ]\t",
     '{"max_rows": 5}', '  "max_rows": 5,', "'max_rows' = ", "Version = 2.0", " [parameters.n"],
)  # fmt: skip
def test_what_looks_like_a_header_is_never_passed_over(tmp_path: Path, key: str) -> None:
    """A limit or a parameter that nobody reads, for a slip of the pen, would be worse than a fault."""
    (fault, *_) = faults(tmp_path, f"-- x\n/* \n{key}\n*/ SELECT 1")
    assert fault.startswith("3: ")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (f"{MIT}{HINT}\n{HEADER}\nSELECT :n", "7: a hint above the header is not sent: move it below it"),
        (f"{HEADER}\n\n/* max_rows = 5 */ SELECT :n", "9: a second header: put all keys into the first one"),
        (f"{HEADER}\n\n/*\n[columns.a]\n*/ SELECT :n", "9: a second header: put all keys into the first one"),
    ],
)
def test_what_would_be_lost_is_a_fault(tmp_path: Path, text: str, expected: str) -> None:
    assert faults(tmp_path, text) == [expected]


ENDED = 'the first */ ends the header, even in a string or after #: write "*\\u002f" in a string'
NESTED = (
    "the header is not TOML: /* begins a nested comment, even in a string or after #, which needs "
    'a */ of its own: write "/\\u002a" in a string'
)


@pytest.mark.parametrize(
    ("text", "line", "expected"),
    [
        ("/*\ntitle = 'T'\ndescription = \"any */ path\"\n*/ SELECT 1", 3, ENDED),
        ("/*\ndescription = '''\nany */ path\n'''\nmax_rows = 5\n*/ SELECT 1", 3, ENDED),
        ("/*\ntitle = 'T' # any */ path\nmax_rows = 5\n*/ SELECT 1", 2, ENDED),
        ("/*\nparameters.a.choices = ['*/5', '*/10']\n*/ SELECT :a", 2, ENDED),
        (
            "/*\ntitle = 'T'\ndescription = \"data/*.csv\"\n*/ SELECT 1", 1,
            "the comment never ends: close it with */, once more for each /* within it (line 3)",
        ),
        ("/* title = 'T'\nSELECT 1", 1, "the comment never ends: close it with */"),
        ("/*\ntitle = 'T'\ndescription = \"data/*.csv\"\n*/ SELECT 1 -- all of it */", 3, NESTED),
    ],
)  # fmt: skip
def test_the_edge_of_a_comment_within_the_header(tmp_path: Path, text: str, line: int, expected: str) -> None:
    """To PostgreSQL and its tools a comment is a comment, whatever TOML stands in it; a fault says how to write it."""
    (fault,) = faults(tmp_path, text)
    assert fault.startswith(f"{line}: ")
    assert fault.endswith(expected)


def test_what_the_faults_say_to_write(tmp_path: Path) -> None:
    dataset = read(tmp_path, '/* description = "data/\\u002a.csv, *\\u002f5, /* whole */" */ SELECT 6 */* of */ 2')
    assert dataset.header.description == "data/*.csv, */5, /* whole */"
