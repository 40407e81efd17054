"""Below a path of a proxy that takes it off, of one that does not, and of another application."""

import re
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urljoin, urlsplit

import pytest

from tests.acceptance.fronts import nginx
from tests.acceptance.service import Answer, Service, curl, running

DATASETS_THAT_ANSWER = ("items", "echo")


@pytest.fixture(scope="module")
def below(source: str, datasets: Path) -> Iterator[Service]:
    settings = {"root_path": "/team/exports", "trusted_proxies": "127.0.0.1"}
    with running(source, datasets, settings=settings) as service:
        yield service


@pytest.fixture(scope="module", params=["taken off", "left"])
def url(request: pytest.FixtureRequest, below: Service, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The URL below which everything is."""
    if request.param == "left":
        yield f"{below.url}/team/exports"
    else:
        with nginx(below, tmp_path_factory.mktemp("nginx"), prefix="/team/exports") as front:
            yield front


def found(url: str) -> Answer:
    answer = curl(url)
    assert answer.status == 200, url
    return answer


def test_the_paths_of_lists_and_descriptions_lead_somewhere(url: str) -> None:
    listed = found(f"{url}/datasets").json()["datasets"]
    for dataset in (one for one in listed if one["name"] in DATASETS_THAT_ANSWER):
        described = f"{url}/datasets/{dataset['name']}"
        for base, formats in ((f"{url}/datasets", dataset["formats"]), (described, found(described).json()["formats"])):
            for format_ in formats.values():
                assert found(urljoin(base, format_["path"])).headers["content-type"].startswith(format_["media_type"])


def test_the_links_of_the_page_and_of_exports_lead_somewhere(url: str) -> None:
    links = re.findall(r'href="([^"]+)"', found(f"{url}/").text)
    assert len(links) > 10
    for link in (link for link in links if re.search(r"/(items|echo)\b|^[^/]+$", link)):
        found(urljoin(f"{url}/", link))
    export = f"{url}/datasets/items.csv"
    (target,) = re.findall("<(.*?)>", found(export).headers["link"])
    assert found(urljoin(export, target)).json()["name"] == "items"


def test_the_page_has_its_slash(url: str) -> None:
    answer = curl(url)
    assert answer.status in (301, 308)
    assert urlsplit(urljoin(url, answer.headers["location"])).path == "/team/exports/"


def test_openapi_tells_where_the_service_is(url: str) -> None:
    document = found(f"{url}/openapi.json").json()
    (server,) = document["servers"]
    for path in ("/datasets", "/datasets/items", "/datasets/items.csv", "/healthz"):
        assert path in document["paths"]
        found(urljoin(f"{url}/openapi.json", server["url"] + path))


def test_without_a_prefix(service: Service) -> None:
    assert "servers" not in service.curl("/openapi.json").json(), "which means this origin"
