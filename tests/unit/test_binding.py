"""Arguments in SQL: the numbered form, and literals that are inert wherever they stand."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pglast.parser import scan

from queries.binding import Template, faults
from queries.declaration import Parameter

DAY = Parameter(name="day", type="date")
DAYS = Parameter(name="days", type="date[]")
NOTE = Parameter(name="note", type="text")
VALUES = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"))


def test_each_name_has_one_number_in_the_order_of_declaration() -> None:
    template = Template("SELECT :note, :day, :note", (DAY, NOTE))
    day, note = '($1::pg_catalog.text::"pg_catalog"."date")', '($2::pg_catalog.text::"pg_catalog"."text")'
    assert template.numbered() == f"SELECT {note}, {day}, {note}"


def test_an_array_is_bound_as_an_array_of_text() -> None:
    assert Template(":days", (DAYS,)).numbered() == '($1::pg_catalog.text[]::"pg_catalog"."date"[])'


def test_every_character_of_a_literal_is_an_escape() -> None:
    template = Template(":note", (NOTE,))
    assert template.literal(["A'\\😀"]) == '(E\'\\u0041\\u0027\\u005C\\uD83D\\uDE00\'::"pg_catalog"."text")'
    assert template.literal([""]) == '(E\'\'::"pg_catalog"."text")'


def test_null_is_typed() -> None:
    assert Template(":day :days", (DAY, DAYS)).literal([None, None]) == (
        '(NULL::"pg_catalog"."date") (NULL::"pg_catalog"."date"[])'
    )


def test_an_array_becomes_an_array_literal_with_every_item_quoted() -> None:
    texts = Parameter(name="texts", type="text[]")
    literal = Template(":texts", (texts,)).literal([["a", None, '"\\', "", "NULL"]])
    text = re.sub(r"\\u([0-9A-F]{4})", lambda code: chr(int(code[1], 16)), literal)
    assert text == r"""(E'{"a",NULL,"\"\\","","NULL"}'::"pg_catalog"."text"[])"""


def test_comments_and_the_semicolon_at_the_end_are_dropped_with_parameters_before_them() -> None:
    assert Template("SELECT :day; -- all", (DAY,)).literal([None]) == 'SELECT (NULL::"pg_catalog"."date")'


def test_strings_comments_and_slices_are_left_alone() -> None:
    sql = "SELECT ':day', $$:day$$, \":day\" /* :day */, x[1:n], y::date"
    assert Template(sql).numbered() == sql


def test_a_declared_name_in_brackets_is_a_parameter() -> None:
    template = Template("ARRAY[:day, x[1:n]]", (DAY,))
    assert template.literal([None]) == 'ARRAY[(NULL::"pg_catalog"."date"), x[1:n]]'


def test_rendering_keeps_the_lines_of_the_file() -> None:
    template = Template("\nSELECT\n :day,\n x", (DAY,))
    assert template.numbered().count("\n") == template.sql.count("\n") == 3


def test_faults_name_what_is_undeclared_unused_or_bare() -> None:
    found = faults("SELECT :dya, $1, x[:n]", ["day"])
    assert [(fault.key, fault.position) for fault in found] == [((), 7), ((), 13), (("parameters", "day"), None)]
    assert "did you mean day?" in found[0].message


@pytest.mark.parametrize("sql", ["SELECT 1", "SELECT :day, :other", "SELECT :day, $1"])
def test_a_template_is_refused_when_names_do_not_match(sql: str) -> None:
    with pytest.raises(ValueError):
        Template(sql, (DAY,))


def test_values_are_as_many_as_parameters() -> None:
    with pytest.raises(ValueError):
        Template(":day", (DAY,)).literal([])


@given(
    VALUES, st.sampled_from(["{}", "'a'{}'b'", "a{}b", "1{}$$ $$", "E'\\''{}'x'", "-{}-", "{0}{0}", "/{}*", "'a'\n{}"])
)
def test_a_literal_is_the_same_tokens_whatever_its_value(value: str, around: str) -> None:
    """The scanner of PostgreSQL sees as many tokens, and of the same kinds, for every value."""
    template = Template(around.format(":note "), (NOTE,))
    kinds = [[token.name for token in scan(template.literal([text]))] for text in ("x", value)]
    assert kinds[0] == kinds[1]
