"""A query string costs little, whatever is in it."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exporter.exports.options import choose
from exporter.http.query_string import SIGNATURE, may_be_signed, parse
from exporter.http.visit import Visit
from exporter.problems import Problem, ProblemType
from exporter.telemetry.masking import target
from queries.declaration import Parameter
from queries.parameters import validate


@pytest.mark.parametrize("text", ["&".join(f"{n}=" for n in range(201)), "&".join(["a=1"] * 2001)])
def test_more_than_anybody_needs_is_refused(text: str) -> None:
    with pytest.raises(Problem) as refused:
        parse(text)
    assert refused.value.type is ProblemType.MALFORMED_QUERY_STRING


def test_as_many_as_somebody_may_need() -> None:
    assert len(parse("&".join(f"{n}=" for n in range(200)))) == 200
    assert len(parse("&".join(["a=1"] * 2000))["a"]) == 2000


def test_names_are_suggested_for_few_unknown_ones_only() -> None:
    """Each takes a quarter of a millisecond."""
    _, (fault,) = validate([Parameter(name="since", type="text", default="x")], {"sinc": [""]})
    assert "did you mean since?" in fault.message
    _, faults = validate([Parameter(name="since", type="text", default="x")], {f"sinc{n}": [""] for n in range(100)})
    assert len(faults) == 100
    assert not any("did you mean" in fault.message for fault in faults)
    _, (option,) = choose(None, {"limi": "1"}, prefix="_")
    assert "did you mean _limit?" in option.detail
    _, options = choose(None, {f"limi{n}": "1" for n in range(100)}, prefix="_")
    assert all("available options: _columns" in option.detail for option in options)


@pytest.mark.parametrize(
    ("text", "signed"),
    [
        ("", False),
        ("a=1&key=2", False),
        ("_signature=x", True),
        ("a=1&_key=x", True),
        ("%5Fexpires=1", True),
        ("%5fkey=1", True),
        ("_k%65y=1", True),
        ("a=1&_si%67natur%65=1", True),
        ("%5F%65%78%70%69%72%65%73=1", True),
        ("a=%25&_limit=1", False),
        ("_k%6=1", False),
    ],
)
def test_a_signature_is_looked_for_where_one_could_be(text: str, signed: bool) -> None:
    assert may_be_signed(text) is signed


@given(st.sampled_from(SIGNATURE), st.data())
def test_however_its_names_are_encoded(name: str, data: Any) -> None:
    """What is taken apart has the name: then it has been looked for, and no log shows the value."""
    forms = [st.sampled_from([letter, f"%{ord(letter):02x}", f"%{ord(letter):02X}"]) for letter in name]
    text = f"a=%C3%A9&{''.join(data.draw(st.tuples(*forms)))}=geheim"
    assert parse(text)[name] == ["geheim"]
    assert may_be_signed(text)
    assert "geheim" not in target(Visit("GET", "/datasets/x.csv", text, "192.0.2.1", None), frozenset())
