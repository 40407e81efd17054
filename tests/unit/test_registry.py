from collections.abc import Callable
from importlib.metadata import Distribution, EntryPoint
from typing import Any

import pytest

from formats import csv, registry
from formats.encoder import Format


class Plugin(Distribution):
    """An installed distribution called acme-formats."""

    def read_text(self, filename: str) -> str | None:
        return "Metadata-Version: 2.1\nName: acme-formats\n" if filename == "METADATA" else None

    def locate_file(self, path: Any) -> Any:
        return path


@pytest.fixture
def install(monkeypatch: pytest.MonkeyPatch) -> Callable[..., Any]:
    """Make these entry points the only ones installed."""

    def install(**points: Any) -> None:
        found = [
            EntryPoint(name, value, registry.ENTRY_POINT_GROUP)._for(Plugin())  # type: ignore[attr-defined]
            for name, value in points.items()
        ]
        monkeypatch.setattr(registry, "entry_points", lambda group: found if group == "exporter.formats" else [])

    return install


def test_the_built_in_formats_are_found_by_extension(install: Callable[..., Any]) -> None:
    install()
    assert list(registry.load()) == ["csv", "ndjson", "parquet", "arrows"]


def test_extensions_names_and_media_types_are_unique() -> None:
    media_types = [media_type for format_ in registry.BUILT_IN for media_type in format_.media_types]
    assert len(set(media_types)) == len(media_types)
    assert len({format_.extension for format_ in registry.BUILT_IN}) == len(registry.BUILT_IN)
    assert len({format_.name for format_ in registry.BUILT_IN}) == len(registry.BUILT_IN)


def test_a_plug_in_adds_its_format(install: Callable[..., Any]) -> None:
    install(tsv="tests.unit.test_registry:TSV")
    assert registry.load()["tsv"] == TSV


def test_a_plug_in_that_cannot_be_imported_is_named(install: Callable[..., Any]) -> None:
    install(broken="no_such_module:FORMAT")
    with pytest.raises(registry.PluginError, match=r"'broken' of acme-formats: cannot be imported: .*no_such_module"):
        registry.load()


def test_a_plug_in_that_is_not_a_format_is_named(install: Callable[..., Any]) -> None:
    install(odd="json:dumps")
    with pytest.raises(registry.PluginError, match="'odd' of acme-formats: json:dumps is not a Format"):
        registry.load()


@pytest.mark.parametrize(
    "clash", ["formats.csv:FORMAT", "tests.unit.test_registry:SAME_NAME", "tests.unit.test_registry:SAME_EXTENSION"]
)
def test_a_plug_in_that_clashes_is_named(install: Callable[..., Any], clash: str) -> None:
    install(mine=clash)
    with pytest.raises(registry.PluginError, match="'mine' of acme-formats"):
        registry.load()


def renamed(**changes: Any) -> Format:
    from dataclasses import replace

    return replace(csv.FORMAT, **changes)


TSV = renamed(name="tsv", extension="tsv", media_types=("text/tab-separated-values",))
SAME_NAME = renamed(extension="csv2")
SAME_EXTENSION = renamed(name="csv2")
