"""One service for the whole suite; tests that need other settings start their own."""

import asyncio
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
import trustme

from tests.acceptance.catalogue import DATASETS, TABLES
from tests.acceptance.service import Service, running
from tests.postgres import execute


def written(folder: Path, datasets: dict[str, str]) -> Path:
    for name, text in datasets.items():
        (folder / f"{name}.sql").write_text(text)
    return folder


@pytest.fixture(scope="session")
def source(database_url: str) -> str:
    """The DSN of a database with the suite's tables."""
    asyncio.run(execute(database_url, TABLES))
    return database_url


@pytest.fixture(scope="session")
def datasets(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the suite's datasets."""
    return written(tmp_path_factory.mktemp("datasets"), DATASETS)


@pytest.fixture(scope="session")
def service(source: str, datasets: Path) -> Iterator[Service]:
    asked = "connect_timeout=10&keepalives_idle=20&channel_binding=prefer&application_name=exporter"
    url = f"{source}{'&' if '?' in source else '?'}{asked}"
    # The fronts of the tests are on this machine, so that nobody but it is behind them.
    with running(url, datasets, settings={"pool_size": "4", "trusted_proxies": "127.0.0.1"}) as started:
        yield started


@pytest.fixture(scope="session")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with an authority, a certificate for 127.0.0.1 and its key."""
    folder = tmp_path_factory.mktemp("certificates")
    authority = trustme.CA()
    issued = authority.issue_cert("127.0.0.1")
    authority.cert_pem.write_to_path(folder / "authority.pem")
    (folder / "certificate.pem").write_bytes(b"".join(pem.bytes() for pem in issued.cert_chain_pems))
    (folder / "key.pem").touch(0o600)
    issued.private_key_pem.write_to_path(folder / "key.pem")
    return folder


@pytest.fixture(scope="session")
def wget() -> str:
    """The path of wget; without one the test is skipped."""
    return shutil.which("wget") or pytest.skip("needs wget")
