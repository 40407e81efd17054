"""Every parser of what callers send: any text is read or refused in its own words, and nothing else is raised."""

import re
from contextlib import suppress
from typing import cast
from urllib.parse import unquote, urlencode

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from exporter.exports.options import choose
from exporter.http.cors import checked
from exporter.http.disposition import attachment, default_name, file_name
from exporter.http.negotiation import content_coding, media_type
from exporter.http.query_string import parse, single
from exporter.problems import Problem
from exporter.web.downloads import DownloadOptions
from formats import registry
from queries.declaration import Parameter, ParameterType
from queries.parameter_types import SCALARS
from queries.parameters import validate

same = settings(max_examples=settings().max_examples * 3 // 2)

latin = st.text(st.characters(max_codepoint=255))
texts = st.text(st.characters(exclude_categories=["Cs"]))
names = texts | st.lists(st.sampled_from(["/", "..", "\u202e", "\ufeff", "\r\n", '"', "a", "\x9f", ".", "é"])).map(
    "".join
)
pieces = st.lists(
    st.sampled_from(["%", "%0", "%00", "%ff", "%C3%BC", "&", "=", "+", ";", "_", "a", "?", "#", "\xff", "\0", "\r\n"])
).map("".join)
header_pieces = st.lists(
    st.sampled_from(
        ["text/csv", "*/*", "text/*", ";", "q=", "1", "0.5", "nan", "inf", "-1", ",", " ", "gzip", "zstd", "*"]
    )
).map("".join)


@same
@given(latin | pieces)
def test_any_query_string_is_read_or_malformed(text: str) -> None:
    with suppress(Problem):
        items = parse(text)
        assert all(isinstance(value, str) for values in items.values() for value in values)


@same
@given(st.dictionaries(texts, st.lists(texts, min_size=1), max_size=5))
def test_what_a_client_encodes_comes_back(items: dict[str, list[str]]) -> None:
    assert parse(urlencode(items, doseq=True, encoding="utf-8")) == items


@same
@given(
    st.dictionaries(
        st.sampled_from(
            [
                "columns",
                "limit",
                "filename",
                "header",
                "delimiter",
                "null",
                "profile",
                "escape_formulas",
                "compression",
                "row_group_size",
                "ordered",
                "x",
            ]
        )
        | texts,
        st.lists(texts, min_size=1, max_size=2),
        max_size=6,
    )
)
def test_any_option_is_read_or_named_as_wrong(given_: dict[str, list[str]]) -> None:
    for format_ in registry.BUILT_IN:
        values, repeated = single(given_)
        chosen, faults = choose(format_, values, DownloadOptions, prefix="_")
        assert (chosen is None) is bool(faults)
        assert all(fault.detail and fault.is_option for fault in [*repeated, *faults])


@same
@given(header_pieces | latin)
def test_any_accept_chooses_what_is_offered_or_nothing(header: str) -> None:
    assert media_type(header, ["application/json", "text/csv"]) in ("application/json", "text/csv", None)
    assert content_coding(header, ["gzip", "zstd"]) in ("gzip", "zstd", None)


@same
@given(names, st.lists(names, max_size=3))
def test_any_file_name_is_one_plain_line_that_no_client_mistakes(name: str, arguments: list[str]) -> None:
    for wanted in (name, default_name("items", arguments, "2024-01-01")):
        stored = file_name(wanted, ".csv")
        assert stored.removesuffix(".csv")
        assert not re.search(r'[\x00-\x1f\x7f-\x9f/\\:*?"<>|\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff]', stored)
        assert stored[0] not in " .-"
        assert len(stored.encode()) <= 230
        header = attachment(stored)
        assert re.fullmatch(r'attachment; filename="[ !#-\[\]-~]+"(; filename\*=UTF-8\'\'[A-Za-z0-9_.~%-]+)?', header)
        exact = header.partition("UTF-8''")[2]
        assert not exact or unquote(exact) == stored


@pytest.mark.parametrize("type_", [*SCALARS, *(f"{scalar}[]" for scalar in SCALARS)])
@same
@given(
    values=st.lists(
        texts | st.sampled_from(["1e999999999", "-0", "nan", "9" * 400, "24:00", "2024-02-30", "\u0661"]),
        min_size=1,
        max_size=3,
    )
)
def test_any_argument_is_a_value_or_a_fault(type_: ParameterType, values: list[str]) -> None:
    parameter = Parameter(name="p", type=type_)
    read, faults = validate([parameter], {"p": values})
    assert bool(read) != bool(faults)
    # What was read is in a form of its own, which reads as itself.
    if read:
        again = cast("list[str]", read["p"] if isinstance(read["p"], list) else [read["p"]])
        assert validate([parameter], {"p": again}) == (read, [])


@same
@given(texts | st.lists(st.sampled_from(["https://", "a.b", ":", "80", "*", ",", " ", "/", "null"])).map("".join))
def test_any_list_of_origins_is_read_or_refused(text: str) -> None:
    try:
        origins = checked(tuple(text.split(",")))
    except ValueError:
        return
    assert all(origin == "*" or re.fullmatch(r"https?://[a-z0-9.:\[\]-]+", origin) for origin in origins)
