"""Who counts as one caller, and how much one may have by default."""

import asyncio
from dataclasses import replace
from typing import Any

import pytest

from exporter.access.principal import ANONYMOUS, Principal
from exporter.http.visit import Visit
from exporter.limits.admission import Place
from exporter.limits.limits import limits
from exporter.settings.settings import Settings
from exporter.web.places import place_of
from tests.exporting import order

pytestmark = pytest.mark.anyio

VISIT = Visit("GET", "/datasets/tested.csv", "", "192.0.2.1")


def caller(visit: Visit, principal: Principal = ANONYMOUS) -> str:
    return place_of(principal, visit, order("SELECT", "csv").dataset).principal


@pytest.mark.parametrize(
    ("own", "may"),
    [
        ({"allow_anonymous": True}, 5),
        ({"keys": "keys.toml"}, 5),
        ({"allow_anonymous": True, "pool_size": 1}, 1),
        ({"allow_anonymous": True, "pool_size": 9, "max_exports": 7}, 3),
        ({"allow_anonymous": True, "max_exports_per_principal": 0}, 10),
        ({"allow_anonymous": True, "max_exports_per_principal": 2}, 2),
        ({}, 10),
        ({"max_exports_per_principal": 2}, 2),
    ],
)
async def test_one_caller_has_half_of_the_places_unless_there_is_only_one(own: dict[str, Any], may: int) -> None:
    admission = limits(Settings(**{"database_url": "postgresql:///x", "datasets": "."} | own)).admission
    entering = [asyncio.create_task(admission.enter(Place("one", "dataset"))) for _ in range(20)]
    await asyncio.sleep(0)
    assert admission.running == may
    for task in entering:
        task.cancel()
    await asyncio.wait(entering)


def test_without_credentials_each_address_is_a_caller() -> None:
    neighbours = [replace(VISIT, address=f"2001:db8::{n}") for n in (1, 2)]
    assert caller(VISIT) != caller(replace(VISIT, address="192.0.2.2"))
    assert caller(neighbours[0]) == caller(neighbours[1])


def test_a_key_is_a_caller_wherever_it_is_used() -> None:
    one = Principal("one", ("*",))
    assert caller(VISIT, one) == caller(replace(VISIT, address="192.0.2.2"), one) == "one"
