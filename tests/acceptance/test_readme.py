"""The application that README.md shows, exactly as it stands there, with the login of two tenants."""

import asyncio
import base64
import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from itsdangerous import TimestampSigner

from tests.acceptance.hosts.served import served
from tests.acceptance.service import Service
from tests.postgres import execute

ROOT = Path(__file__).parents[2]
SECRET = "not a secret"
TABLE = """
    CREATE TABLE readme_orders (tenant text, amount int);
    INSERT INTO readme_orders VALUES ('red', 1), ('red', 2), ('blue', 3);
"""
ORDERS = """/*
[parameters.tenant]
type = "text"
from = "claim:tenant"
*/
SELECT amount FROM readme_orders WHERE tenant = :tenant ORDER BY amount
"""


def shown() -> str:
    """Return the application in the README."""
    blocks = re.findall(r"^```python\n(.*?)^```", (ROOT / "README.md").read_text(), re.MULTILINE | re.DOTALL)
    (block,) = [block for block in blocks if "FastAPI" in block]
    return str(block)


@pytest.fixture(scope="module")
def host(database_url: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    asyncio.run(execute(database_url, TABLE))
    folder = tmp_path_factory.mktemp("readme")
    (folder / "shown.py").write_text(shown())
    (folder / "datasets").mkdir()
    (folder / "datasets" / "orders.sql").write_text(ORDERS)
    settings = {"DATABASE_URL": database_url, "SECRET_KEY": SECRET, "PYTHONPATH": f"{folder}:{ROOT}"}
    with served("shown:app", database_url, settings=settings, folder=folder) as service:
        yield service


def logged_in(name: str, tenant: str) -> tuple[str, str]:
    """Return curl's arguments for the session of a user, as SessionMiddleware keeps it."""
    session = base64.b64encode(json.dumps({"user": {"name": name, "tenant": tenant}}).encode())
    return "-b", f"session={TimestampSigner(SECRET).sign(session).decode()}"


def test_the_mounted_exports_are_those_of_the_caller_s_tenant(host: Service) -> None:
    address = "/exports/datasets/orders.csv"
    assert host.curl(address, *logged_in("ann", "red")).text.split() == ["amount", "1", "2"]
    assert host.curl(address, *logged_in("bob", "blue")).text.split() == ["amount", "3"]


def test_so_is_the_application_s_own_endpoint(host: Service) -> None:
    answer = host.curl("/report", *logged_in("bob", "blue"))
    assert answer.text.split() == ["amount", "3"]
    assert answer.headers["content-disposition"] == 'attachment; filename="report.csv"'


def test_nobody_can_name_another_tenant(host: Service) -> None:
    answer = host.curl("/exports/datasets/orders.csv?tenant=blue", *logged_in("ann", "red"))
    assert answer.status == 422


def test_who_has_not_logged_in_gets_nothing(host: Service) -> None:
    for path in ("/exports/datasets/orders.csv", "/report", "/exports/datasets"):
        answer = host.curl(path)
        assert (answer.status, answer.json()["detail"]) == (401, "Log in to the application first.")


def test_it_is_short() -> None:
    assert len([line for line in shown().splitlines() if line]) <= 20
