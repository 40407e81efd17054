"""The catalog as served: under URLs that end in a format's extension."""

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
    return checked(catalog.load(directory), formats)


def checked(datasets: Catalog, formats: Mapping[str, Format]) -> Catalog:
    """Return datasets if each can be reached at its address.

    Raises:
        CatalogError: with every name that would hide another dataset's export.
    """
    faults = [
        FileFault(dataset.path or Path(name), 0, f"a name that ends in .{ending} would hide another dataset's export")
        for name, dataset in datasets.items()
        if (ending := name.rpartition(".")[2]) in formats and "." in name
    ]
    if faults:
        raise CatalogError(faults)
    return datasets
