"""The catalogue that the parent gives to its workers, and how another one takes its place."""

import asyncio
import pickle
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from exporter.access.principal import ANONYMOUS
from exporter.embedding.hooks import Hooks, anyone
from exporter.process.published import Published, changes
from exporter.web.service import Formats, Service
from queries.catalog import Catalog, load
from queries.dataset import Dataset
from queries.demo import DATASETS
from tests.unit.files import ORDERS, write

EVERYTHING = """/*
title = "Ä €"
statement_timeout = 0.1
max_exports = 2
max_seconds = 1.5
split_by = "id"
[parameters.low]
type = "numeric"
min = -1.50
default = 0.10
[parameters.codes]
type = "text[]"
pattern = '[a-z]+'
choices = ["a", "b"]
default = ["a"]
sensitive = true
[parameters.on]
type = "boolean"
default = true
[parameters.at]
type = "timestamptz"
nullable = true
max = 2030-01-01T00:00:00Z
*/
SELECT id FROM t WHERE x > :low AND c = ANY(:codes) AND :on AND at < :at
"""


def without_paths(catalog: Catalog) -> dict[str, Dataset]:
    return {name: dataset.model_copy(update={"path": None}) for name, dataset in catalog.items()}


def started(published: Published) -> Published:
    """What a worker gets that is started now."""
    copy: Published = pickle.loads(pickle.dumps(published))
    return copy


@pytest.mark.parametrize("files", [{"everything": EVERYTHING, "orders": ORDERS, "t": "/* table = 'a.\"B\"' */"}, None])
def test_a_worker_gets_what_the_parent_has_read(tmp_path: Path, files: dict[str, str] | None) -> None:
    (tmp_path / "datasets").mkdir()
    catalog = load(write(tmp_path / "datasets", **files) if files else DATASETS)
    found = started(Published(tmp_path / "published", catalog)).catalog()
    assert found == without_paths(catalog)
    assert list(found) == list(catalog)
    assert [dataset.query.numbered() for dataset in found.values()] == [
        dataset.query.numbered() for dataset in catalog.values()
    ]


def test_a_worker_reads_no_sql_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The parent has checked it; of a thousand datasets that takes seconds."""
    catalog = load(write(tmp_path, everything=EVERYTHING, orders=ORDERS))
    published = Published(tmp_path / "published", catalog)
    monkeypatch.setattr("queries.lexer.tokens", None)
    monkeypatch.setattr("queries.binding.tokens", None)
    monkeypatch.setattr("queries.binding.placeholders", None)
    monkeypatch.setattr("queries.consistency.trimmed", None)
    assert started(published).catalog() == without_paths(catalog)


@pytest.mark.anyio
async def test_workers_take_over_what_is_published_later(tmp_path: Path) -> None:
    one, two, three = ({name: Dataset(name, sql="SELECT 1")} for name in ("one", "two", "three"))
    parent = Published(tmp_path / "published", one)
    early = started(parent)
    parent.publish(two)
    late = started(parent)
    served: dict[Published, list[Catalog]] = {early: [], late: []}
    with ThreadPoolExecutor(1) as threads:
        following = [asyncio.create_task(worker.follow(served[worker].append, threads)) for worker in served]

        async def until_served(worker: Published, catalog: Catalog) -> None:
            while served[worker][-1:] != [catalog]:
                assert not any(task.done() for task in following)
                await asyncio.sleep(0.01)

        await until_served(early, two)
        parent.publish(two)
        (tmp_path / "published").write_bytes(b"[")  # nothing that a parent does, and no end of a worker
        await asyncio.sleep(0.6)
        (tmp_path / "published").unlink()
        await asyncio.sleep(0.3)
        assert started(parent).catalog() == two
        parent.publish(three)
        await until_served(early, three)
        await until_served(late, three)
        for task in following:
            task.cancel()
    # Who was started with one has nothing to take over.
    assert served == {early: [two, three], late: [three]}


@pytest.mark.anyio
async def test_a_document_that_was_begun_before_is_not_kept() -> None:
    old, new = ({"a": Dataset("a", title=title, sql="SELECT 1")} for title in ("old", "new"))
    with ThreadPoolExecutor(1) as threads:
        unused: Any = None
        service = Service(old, {}, unused, threads, Hooks(anyone, None), unused, unused, unused)
        begun, swapped = threading.Event(), threading.Event()

        def title(catalog: Catalog, formats: Formats) -> bytes:
            begun.set()
            swapped.wait()
            return catalog["a"].title.encode()

        making = asyncio.create_task(service.document("title", title, ANONYMOUS))
        await asyncio.to_thread(begun.wait)
        service.serve(new)
        swapped.set()
        assert await making == b"old"
        assert await service.document("title", title, ANONYMOUS) == b"new"


def test_without_room_nothing_changes(tmp_path: Path) -> None:
    one, two = ({name: Dataset(name, sql="SELECT 1")} for name in ("one", "two"))
    (tmp_path / "folder").mkdir()
    published = Published(tmp_path / "folder" / "published", one)
    (tmp_path / "folder" / "published.new").mkdir()
    with pytest.raises(OSError):
        published.publish(two)
    assert started(published).catalog() == one


def test_what_changed_is_told_by_name() -> None:
    def catalog(**queries: str) -> Catalog:
        return {name: Dataset(name, sql=sql) for name, sql in queries.items()}

    before, after = catalog(a="SELECT 1", b="SELECT 1", c="SELECT 1"), catalog(d="SELECT 1", b="SELECT 2", c="SELECT 1")
    assert changes(before, after) == {"added": "d", "removed": "a", "changed": "b"}
    assert changes(after, after) == {}
    many = catalog(**{f"d{i:03}": "SELECT 1" for i in range(100)})
    assert changes(many, {})["removed"].endswith("d018, d019 and 80 more")
