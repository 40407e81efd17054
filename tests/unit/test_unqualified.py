"""The check of the service's statements sees every way in which one can leave a name to the search path."""

import pyarrow as pa
import pytest

from queries.projection import Projection, project
from queries.types import Column, Kind
from tests.unqualified import unqualified


@pytest.mark.parametrize(
    ("sql", "found"),
    [
        ("SELECT 1 + 2", "operator +"),
        ("PREPARE a AS SELECT 1 + 2", "operator +"),
        ("SELECT - a.b FROM s.a", "operator -"),
        ("SELECT a = ANY (b) FROM s.t", "operator ="),
        ("SELECT a IN (1, 2) FROM s.t", "operator of IN"),
        ("SELECT a BETWEEN 1 AND 2 FROM s.t", "operator of BETWEEN"),
        ("SELECT a LIKE 'x' FROM s.t", "operator of LIKE"),
        ("SELECT nullif(a, 1) FROM s.t", "operator of NULLIF"),
        ("SELECT a IS DISTINCT FROM 1 FROM s.t", "operator of DISTINCT"),
        ("SELECT CASE a WHEN 1 THEN 2 END FROM s.t", "operator of CASE … WHEN"),
        ("SELECT (a, b) < (1, 2) FROM s.t", "operator <"),
        ("SELECT a IN (SELECT 1) FROM s.t", "operator "),
        ("SELECT a = ALL (SELECT 1) FROM s.t", "operator ="),
        ("SELECT 1 FROM s.t JOIN s.u USING (a)", "operator of JOIN … USING"),
        ("SELECT 1 FROM s.t NATURAL JOIN s.u", "operator of JOIN … USING"),
        ("SELECT a FROM s.t ORDER BY a USING <", "operator <"),
        ('SELECT a COLLATE "C" FROM s.t', "collation C"),
        ("SELECT lower('x')", "function lower"),
        ("SELECT 1 FROM unnest('{}'::pg_catalog.int4[])", "function unnest"),
        ("SELECT '1'::int8", "type int8"),
        ("SELECT text 'x'", "type text"),
        ("SELECT '{}'::text[]", "type text"),
        ("SELECT 'json'::pg_catalog.regtype", "regtype json"),
        ("SELECT 1 FROM pg_class", "relation pg_class"),
        ("COPY (SELECT 1 + 2) TO STDOUT", "operator +"),
        ("EXPLAIN SELECT 1 + 2", "operator +"),
        ("BEGIN; SELECT 1 + 2; ROLLBACK", "operator +"),
        ("SELECT 1 FROM s.t TABLESAMPLE system (1)", "a RangeTableSample: not known here"),
        ("DELETE FROM s.t", "a DeleteStmt: not known here"),
    ],
)
def test_what_the_search_path_decides_is_found(sql: str, found: str) -> None:
    assert found in unqualified(sql)


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT 1 OPERATOR(pg_catalog.+) 2, extract(epoch FROM a), coalesce(a, 1)::numeric(30, 0), a::bigint FROM s.t",
        "SELECT a OPERATOR(pg_catalog.=) ANY ('{1}'::pg_catalog.int8[]), a IS DISTINCT FROM NULL FROM s.t ORDER BY a",
        "SELECT 'pg_catalog.json'::pg_catalog.regtype, CASE WHEN a IS NULL THEN 1 END FROM s.t",
        "WITH RECURSIVE t(a) AS (SELECT 1 UNION ALL SELECT a FROM t) SELECT pg_catalog.sum(a), EXISTS (TABLE t) FROM t",
        "PREPARE a AS SELECT $1::pg_catalog.int8; EXECUTE a(NULL); DEALLOCATE a",
        "SET LOCAL search_path = a; SET LOCAL ROLE b; CLOSE ALL; UNLISTEN *; RESET ALL",
    ],
)
def test_what_names_its_schema_or_is_the_grammar_s_own_passes(sql: str) -> None:
    assert unqualified(sql) == []


@pytest.mark.parametrize("encoding", ["UTF8", "SQL_ASCII"])
def test_a_projection_names_its_schema_in_a_database_of_any_encoding(encoding: str) -> None:
    columns = [Column("a", "text", Kind.TEXT, pa.string())]
    sql = project("TABLE s.t", columns, Projection.CSV, as_bytes=True, escaped="=", encoding=encoding)
    assert ("convert_to" in sql) is (encoding == "SQL_ASCII")
    assert unqualified(sql) == []
