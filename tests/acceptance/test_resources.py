"""The resources beside the exports themselves."""

import re
from html.parser import HTMLParser

import pytest

from tests.acceptance.catalogue import DATASETS
from tests.acceptance.service import Service

EXTENSIONS = {"csv", "ndjson", "parquet", "arrows"}


def test_health(service: Service) -> None:
    assert service.curl("/healthz").json()["status"] == "ok"
    assert service.curl("/readyz").json()["status"] == "ok"


def test_list_of_datasets(service: Service) -> None:
    listed = service.curl("/datasets").json()["datasets"]
    assert [dataset["name"] for dataset in listed] == sorted(DATASETS)
    items = next(dataset for dataset in listed if dataset["name"] == "items")
    assert (items["title"], items["description"]) == ("Items", "All of them.")
    assert items["formats"].keys() == EXTENSIONS
    typed = next(dataset for dataset in listed if dataset["name"] == "typed")
    described = {parameter["name"]: (parameter["type"], parameter["required"]) for parameter in typed["parameters"]}
    given = {"number": "integer", "kind": "text", "words": "text"}
    assert described == {"day": ("date", True), **{name: (type_, False) for name, type_ in given.items()}}


def test_description_of_a_dataset(service: Service) -> None:
    described = service.curl("/datasets/items").json()
    assert described["columns"] == [
        {"name": "id", "postgres_type": "bigint", "arrow_type": "int64", "nullable": False},
        {"name": "name", "postgres_type": "text", "arrow_type": "string", "nullable": None},
        {"name": "price", "postgres_type": "numeric(10,2)", "arrow_type": "decimal128(10, 2)", "nullable": None},
        {
            "name": "made",
            "postgres_type": "timestamp with time zone",
            "arrow_type": "timestamp[us, tz=UTC]",
            "nullable": None,
        },
    ]


def test_every_path_of_a_description_leads_to_the_rows(service: Service) -> None:
    for format_ in service.curl("/datasets/items").json()["formats"].values():
        answer = service.curl(f"/datasets/{format_['path']}")
        assert answer.status == 200
        assert answer.headers["content-type"].partition(";")[0] == format_["media_type"]


def test_openapi_is_valid(service: Service) -> None:
    validator = pytest.importorskip("openapi_spec_validator")
    document = service.curl("/openapi.json").json()
    assert document["openapi"].startswith("3.1.")
    # The paths of all datasets are made alike, and it takes the validator a second for a few.
    shown = {"items", "typed", "series"}
    document["paths"] = {
        path: item
        for path, item in document["paths"].items()
        if not path.startswith("/datasets/") or path.removeprefix("/datasets/").partition(".")[0] in shown
    }
    validator.OpenAPIV31SpecValidator(document).validate()


def test_openapi_has_every_dataset_in_every_format(service: Service) -> None:
    paths = service.curl("/openapi.json").json()["paths"]
    assert {f"/datasets/{name}.{extension}" for name in DATASETS for extension in EXTENSIONS} <= paths.keys()
    operation = paths["/datasets/typed.csv"]["get"]
    parameters = {parameter["name"]: parameter for parameter in operation["parameters"]}
    assert parameters["day"]["required"] is True
    assert parameters["day"]["schema"]["format"] == "date"
    assert parameters["number"]["schema"]["minimum"] == 1
    assert parameters["kind"]["schema"]["enum"] == ["a", "b"]
    assert parameters["words"]["schema"]["pattern"] == r"^(?:([0-9A-Za-z_]+[\t\n\f\r ]?)+)$"
    assert {"_columns", "_limit", "_filename", "_header", "_delimiter", "_null", "_profile", "_compression"} <= (
        parameters.keys()
    )
    assert "text/csv" in operation["responses"]["200"]["content"]
    assert {"200", "403", "409", "422", "503", "504"} <= operation["responses"].keys()
    assert "application/problem+json" in operation["responses"]["422"]["content"]


class _Page(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.links: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.links += [value for name, value in attrs if name in ("href", "src") and value]


def test_page_lists_the_datasets_with_links(service: Service) -> None:
    answer = service.curl("/")
    assert answer.headers["content-type"].partition(";")[0] == "text/html"
    page = _Page()
    page.feed(answer.text)
    assert {f"datasets/{name}.{extension}" for name in DATASETS for extension in EXTENSIONS} <= set(page.links)
    assert service.curl("/datasets/items.csv").status == service.curl("/openapi.json").status == 200
    assert not [link for link in page.links if re.match("(https?:)?//", link)]


def test_page_escapes_what_a_dataset_says(service: Service) -> None:
    answer = service.curl("/")
    page = _Page()
    page.feed(answer.text)
    assert "script" not in page.tags
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in answer.text
    assert "script" not in answer.headers["content-security-policy"]


@pytest.mark.parametrize("path", ["/datasets", "/healthz", "/openapi.json", "/datasets/items"])
def test_json_is_not_stored_by_caches(service: Service, path: str) -> None:
    answer = service.curl(path)
    assert answer.headers["content-type"] == "application/json"
    assert answer.headers["cache-control"] == "no-store"
