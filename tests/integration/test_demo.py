from typing import Any

import asyncpg
import pytest

from queries.binding import bind
from queries.catalog import load
from queries.parameters import validate
from tests.conftest import DEMO

CATALOG = load(DEMO)

EXAMPLES = {
    "orders": {"since": ["2024-03-01"], "until": ["2024-04-01"], "status": ["paid", "shipped"]},
    "products": {"category": ["garden"], "max_price": ["250.50"], "discontinued": ["true"]},
    "events": {
        "kind": ["purchase"],
        "since": ["2023-01-01T00:00:00Z"],
        "until": ["2025-01-01T00:00:00Z"],
        "visit": ["b9415f5d-561e-9916-38ed-669a1dc90e62"],
    },
    "revenue": {"year": ["2024"]},
    "customers": {},
}


async def count(url: str, name: str, supplied: dict[str, list[str]]) -> int:
    dataset = CATALOG[name]
    values, faults = validate(dataset.parameters, supplied)
    assert faults == []
    connection: Any = await asyncpg.connect(url)  # `bind` asks for a pool's
    try:
        sql = await bind(connection, dataset.query, list(values.values()))
        return int(await connection.fetchval(f"SELECT count(*) FROM (\n{sql}\n) AS rows"))
    finally:
        await connection.close()


@pytest.mark.anyio
@pytest.mark.parametrize("name", CATALOG)
async def test_every_dataset_gives_rows_by_default_and_fewer_with_all_its_parameters(demo_url: str, name: str) -> None:
    everything = await count(demo_url, name, {})
    assert everything > 0
    if CATALOG[name].parameters:
        assert EXAMPLES[name].keys() == {parameter.name for parameter in CATALOG[name].parameters}
        assert 0 < await count(demo_url, name, EXAMPLES[name]) < everything


@pytest.mark.parametrize("name", CATALOG)
def test_every_dataset_and_parameter_is_described(name: str) -> None:
    assert CATALOG[name].header.description
    assert all(parameter.description for parameter in CATALOG[name].parameters)


@pytest.mark.anyio
@pytest.mark.parametrize(
    ("table", "key", "rows", "digest"),
    [
        ("customers", "id", 20000, "4be7a34f2b3b05578bff2ce8afda4b18"),
        ("products", "id", 1000, "8e709981026e226d347c105795059f4a"),
        ("order_lines", "order_id, line", 299390, "4c3eb69d234db1472fd2002507de7a32"),
        ("events", "id", 200000, "5fda06d0051024d705849aee6ef7f0a2"),
    ],
)
async def test_the_sample_rows_are_the_same_on_every_server(
    demo_url: str, table: str, key: str, rows: int, digest: str
) -> None:
    connection = await asyncpg.connect(demo_url, server_settings={"timezone": "UTC", "datestyle": "ISO"})
    try:
        query = f"SELECT count(*), md5(string_agg(t::text, chr(10) ORDER BY {key})) FROM shop.{table} AS t"
        assert tuple(await connection.fetchrow(query) or ()) == (rows, digest)
    finally:
        await connection.close()
