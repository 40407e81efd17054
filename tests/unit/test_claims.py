"""Parameters that are bound to what is known of the caller."""

import logging
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

from exporter.access.principal import ANONYMOUS, Principal
from exporter.exports.bounds import Bounds
from exporter.exports.options import choose
from exporter.exports.order import Order
from exporter.exports.ordering import from_texts, from_values, order_of
from exporter.http.visit import Visit
from exporter.problems import Problem, ProblemType
from exporter.telemetry import masking
from queries.acting import Acting
from queries.catalog import CatalogError, load
from queries.dataset import Dataset
from tests.unit.files import write


def dataset(type_: str = "integer", **how: object) -> Dataset:
    parameters = {"since": {"type": "integer", "default": 1}, "tenant": {"type": type_, "from": "claim:tenant", **how}}
    return Dataset("orders", sql="SELECT :tenant AS tenant, :since AS since", parameters=parameters)


def ordered(declared: Dataset, claims: dict[str, Any], **given: list[str]) -> Order:
    arguments, faults = from_texts(declared.parameters, given)
    assert not faults
    chosen, _ = choose(None, {})
    assert chosen
    return order_of(declared, None, arguments, chosen, bounds=Bounds(), acting=Acting(), claims=claims)


@pytest.mark.parametrize(
    ("type_", "claim", "value"),
    [
        ("integer", 7, "7"),
        ("integer", "7", "7"),
        ("text", "north", "north"),
        ("text", "", ""),
        ("text", 7, "7"),
        ("boolean", True, "true"),
        ("numeric", 1.5, "1.5"),
        ("uuid", UUID(int=5), str(UUID(int=5))),
        ("integer[]", [1, "2"], ["1", "2"]),
        ("text[]", [], []),
    ],
)
def test_the_value_is_the_claim(type_: str, claim: object, value: object) -> None:
    order = ordered(dataset(type_), {"tenant": claim, "since": "9"}, since=["3"])
    assert list(order.arguments.items()) == [("since", "3"), ("tenant", value)]
    assert masking.arguments(order) == {"since": "3", "tenant": "***"}


@pytest.mark.parametrize(
    ("type_", "claims"),
    [
        ("integer", {}),
        ("integer", {"tenant": None}),
        ("integer", {"Tenant": 7}),
        ("integer", {"tenant": "sesame"}),
        ("integer", {"tenant": True}),
        ("integer", {"tenant": 7.5}),
        ("integer", {"tenant": 2**31}),
        ("integer", {"tenant": [7]}),
        ("integer", {"tenant": {"id": 7}}),
        ("integer[]", {"tenant": 7}),
        ("integer[]", {"tenant": [7, None]}),
        ("integer[]", {"tenant": [7, [8]]}),
        ("text[]", {"tenant": "a"}),
    ],
)
def test_a_claim_that_does_not_fit(type_: str, claims: dict[str, Any], caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.WARNING)
    with pytest.raises(Problem) as refused:
        ordered(dataset(type_), claims)
    assert refused.value.type is ProblemType.CLAIM_MISSING
    assert refused.value.__cause__ is refused.value.__context__ is None
    assert "orders" in refused.value.detail
    assert "tenant" not in refused.value.detail
    (record,) = caplog.records
    fields = record.fields  # type: ignore[attr-defined]
    assert (fields["dataset"], fields["parameter"], fields["claim"]) == ("orders", "tenant", "tenant")
    assert "sesame" not in str(fields)


def test_limits_of_the_parameter_hold_for_a_claim() -> None:
    declared = dataset("text", choices=["north", "south"])
    assert ordered(declared, {"tenant": "north"}).arguments["tenant"] == "north"
    with pytest.raises(Problem):
        ordered(declared, {"tenant": "east"})


@pytest.mark.parametrize("name", ["tenant", "tenent"])
def test_it_cannot_be_set(name: str) -> None:
    parameters = dataset().parameters
    told = [from_texts(parameters, {name: ["8"]})[1], from_values(parameters, {name: 8})[1]]
    assert [fault.detail for faults in told for fault in faults] == ["no such parameter"] * 2
    assert "tenant" not in from_values(parameters, {})[0]


@pytest.mark.parametrize("name", ["tenant", "horse"])
def test_its_name_in_a_query_string_is_masked_like_any_that_nobody_declared(name: str) -> None:
    visit = Visit("GET", "/datasets/orders.csv", f"{name}=7&since=1", "192.0.2.1", dataset=dataset())
    assert masking.target(visit, frozenset()) == "/datasets/orders.csv?***=***&since=1"


def test_an_argument_cannot_stand_in_for_the_claim() -> None:
    chosen, _ = choose(None, {})
    assert chosen
    given = {"since": "1", "tenant": "8"}
    order = order_of(dataset(), None, given, chosen, bounds=Bounds(), acting=Acting(), claims={"tenant": 7})
    assert order.arguments == {"since": "1", "tenant": "7"}
    with pytest.raises(Problem):
        order_of(dataset(), None, given, chosen, bounds=Bounds(), acting=Acting())


def test_who_is_known_by_what() -> None:
    assert Principal("ann", claims={"sub": "not ann", "tenant": 7}).known == {"sub": "ann", "tenant": 7}
    assert ANONYMOUS.known == {}


FILE = '/*\n[parameters.tenant]\ntype = "integer"\n{}\n*/\nSELECT :tenant AS tenant\n'


def test_a_file_declares_it(tmp_path: Path) -> None:
    loaded = load(write(tmp_path, orders=FILE.format('from = "claim:https://example.com/tenant"')))["orders"]
    (parameter,) = loaded.parameters
    assert (parameter.claim, parameter.sensitive) == ("https://example.com/tenant", True)
    assert loaded.settable == ()


@pytest.mark.parametrize(
    ("keys", "told"),
    [
        ('from = "header:x"', 'expected "claim:" and the name of a claim'),
        ('from = "claim:"', 'expected "claim:" and the name of a claim'),
        ('from = "claim:a"\ndefault = 1', "a parameter with from cannot have default"),
        ('from = "claim:a"\nnullable = true', "a parameter with from cannot have nullable"),
        ('form = "claim:a"', "unknown key; did you mean from?"),
    ],
)
def test_what_would_be_a_hole_is_refused(tmp_path: Path, keys: str, told: str) -> None:
    with pytest.raises(CatalogError, match=told.replace("?", r"\?")):
        load(write(tmp_path, orders=FILE.format(keys)))


@pytest.mark.parametrize("allowed", ["public, max-age=60", "s-maxage=9", "max-age=9, Must-Revalidate"])
def test_a_shared_cache_may_not_keep_it(tmp_path: Path, allowed: str) -> None:
    shared = FILE.replace("/*\n", f'/*\ncache_control = "{allowed}"\n')
    with pytest.raises(CatalogError, match="cache_control: what depends on the caller is for no shared cache"):
        load(write(tmp_path, orders=shared.format('from = "claim:tenant"')))
    assert load(write(tmp_path, orders=shared.format(""))).keys() == {"orders"}
    private = FILE.replace("/*\n", '/*\ncache_control = "private, max-age=60"\n')
    assert load(write(tmp_path, orders=private.format('from = "claim:tenant"'))).keys() == {"orders"}


def test_in_python_too() -> None:
    with pytest.raises(ValueError, match="no shared cache"):
        Dataset(
            "orders",
            sql="SELECT :t AS t",
            cache_control="public",
            parameters={"t": {"type": "text", "from": "claim:t"}},
        )
