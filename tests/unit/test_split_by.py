"""What is refused in a query that is to be read in ranges of a key."""

import pytest

from queries.split_by import faults


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT id, name FROM t",
        "SELECT id FROM t ORDER BY id",
        "SELECT id FROM t ORDER BY id ASC, t.name DESC;",
        'SELECT "id" FROM t ORDER BY "id" -- done',
        "SELECT id, ordered, \"limit\", 'now()' FROM t /* LIMIT 5 */",
        "SELECT id, row_number() OVER (ORDER BY name LIMIT) FROM (SELECT * FROM t ORDER BY name LIMIT 5) s",
        "SELECT id, now() FROM t TABLESAMPLE SYSTEM (5)",
        "SELECT id FROM a UNION ALL SELECT id FROM b ORDER BY ID",
    ],
)
def test_harmless(sql: str) -> None:
    assert faults(sql, "id") == []


@pytest.mark.parametrize(
    ("sql", "at", "told"),
    [
        ("SELECT id FROM t ORDER BY name", "ORDER", "ORDER BY must begin with it"),
        ("SELECT id FROM t ORDER BY name, id", "ORDER", "ORDER BY must begin with it"),
        ("SELECT -id AS id FROM t ORDER BY t.id", "ORDER", "ascending"),
        ("(SELECT id FROM t ORDER BY name)", "(", "parentheses"),
        ("SELECT id FROM t ORDER BY id DESC", "ORDER", "ascending"),
        ("SELECT id FROM t ORDER BY id ASC NULLS FIRST", "ORDER", "ascending"),
        ("SELECT id FROM t ORDER BY id NULLS FIRST", "ORDER", "ascending"),
        ("SELECT id FROM t ORDER BY lower(id)", "ORDER", "ascending"),
        ("SELECT id FROM t ORDER BY -id", "ORDER", "ascending"),
        ('SELECT id FROM t ORDER BY "ID"', "ORDER", "ascending"),
        ("SELECT id FROM t ORDER BY 1", "ORDER", "ascending"),
        ("SELECT id FROM t LIMIT 5", "LIMIT", "LIMIT"),
        ("SELECT id FROM t OFFSET 5", "OFFSET", "OFFSET"),
        ("SELECT id FROM t FETCH FIRST 5 ROWS ONLY", "FETCH", "FETCH"),
    ],
)
def test_refused(sql: str, at: str, told: str) -> None:
    (fault,) = faults(sql, "id")
    assert fault.position == sql.index(at)
    assert told in fault.message
