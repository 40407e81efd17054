"""The catalogue as the service serves it: under addresses that end in a format's extension."""

from collections.abc import Mapping
from pathlib import Path

from formats.encoder import Format
from queries import catalog
from queries.catalog import Catalog, CatalogError, FileFault


def load(directory: Path, formats: Mapping[str, Format]) -> Catalog:
    """Read the datasets of a folder.

    Raises:
        CatalogError: with all that is wrong with all files.
    """
    loaded = catalog.load(directory)
    faults = [
        FileFault(directory / f"{name}.sql", 0, f"a name that ends in .{ending} would hide another dataset's export")
        for name in loaded
        if (ending := name.rpartition(".")[2]) in formats and "." in name
    ]
    if faults:
        raise CatalogError(faults)
    return loaded
