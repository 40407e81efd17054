"""An export straight from the database."""

import getpass
import sys
from collections.abc import AsyncIterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import aclosing, asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Self

from exporter.commands import configured
from exporter.commands.exits import Exit, Stopped
from exporter.commands.exporting.asked import Asked
from exporter.commands.exporting.document import Document, Opening, Values
from exporter.commands.exporting.performing import Telling
from exporter.commands.exporting.target import Target, target_of
from exporter.exports.bounds import Bounds
from exporter.exports.engine import Engine
from exporter.exports.observers import Origin
from exporter.exports.options import Chosen, ExportOptions, choose, option_models
from exporter.exports.order import Order
from exporter.exports.ordering import from_texts, invalid, order_of
from exporter.problems import Fault
from exporter.settings.engine import bounds, bounds_of, database
from exporter.settings.settings import Settings
from formats import registry
from formats.encoder import Format, Layout
from queries.acting import Acting
from queries.catalog import Catalog
from queries.dataset import Dataset
from queries.parameters import suggestion, suggestions


@dataclass(frozen=True, slots=True)
class Direct:
    """The database that the settings name."""

    settings: Settings
    catalog: Catalog
    formats: Mapping[str, Format]

    @classmethod
    def of(cls, database_url: str | None, datasets: Path | None) -> Self:
        """Read the settings and the datasets; end the command if they are wrong."""
        settings = configured.settings(database_url, datasets)
        catalog = configured.catalog(settings)
        configured.check_database(settings)
        return cls(settings, catalog, registry.load())

    def help(self, name: str) -> None:
        """See `Place`."""
        from exporter.commands.exporting import listing

        listing.show([listing.of_dataset(found(self.catalog, name)), *listing.of_formats(self.formats)])

    def arrange(self, asked: Asked, telling: Telling, *, overwrite: bool) -> tuple[Opening, Target]:
        """See `Place`."""
        dataset = found(self.catalog, asked.name)
        format_ = self.formats[asked.extension(self.formats)]
        target = target_of(asked.target, dataset.name, format_.extension, overwrite=overwrite)
        order = ordered(asked, dataset, format_, bounds_of(dataset, bounds(self.settings)))
        target.check()
        if telling.shows_progress(target) and format_.layout is not Layout.CSV:
            order = _estimated(order)
        return opened(order, self.settings), target


def found(catalog: Catalog, name: str) -> Dataset:
    """Return a dataset.

    Raises:
        Stopped: there is none of the name.
    """
    if name not in catalog:
        hint = suggestion(name, catalog) or "; `exporter datasets list` shows what there is"
        raise Stopped(Exit.UNKNOWN, f"there is no dataset {name}{hint}")
    return catalog[name]


def ordered(asked: Asked, dataset: Dataset, format_: Format, limits: Bounds) -> Order:
    """Return the order of what was asked for.

    Raises:
        Problem: with everything that is wrong with it.
    """
    parameters = [parameter.name for parameter in dataset.settable]
    given, options = asked.split(parameters, compressible=format_.compressible)
    arguments, faults = from_texts(dataset.parameters, given)
    chosen, wrong = _chosen(format_, options, parameters)
    if chosen is None or faults or wrong:
        raise invalid(dataset, [*faults, *wrong])
    return order_of(dataset, format_, arguments, chosen, bounds=limits, acting=Acting())


def _estimated(order: Order) -> Order:
    """Have the planner asked how many rows it expects, as it is where there is a limit to that."""
    most = order.bounds.max_estimated_rows or sys.maxsize
    return replace(order, bounds=replace(order.bounds, max_estimated_rows=most))


def _chosen(format_: Format, options: Values, parameters: list[str]) -> tuple[Chosen | None, list[Fault]]:
    known = [name for model in option_models(format_) for name in model.model_fields]
    hints = suggestions([name for name in options if name not in known], [*parameters, *known])
    faults = [Fault(name, f"is neither a parameter nor an option of this format{hint}", True) for name, hint in hints]
    faults += [Fault(name, "is given more than once", True) for name, values in options.items() if len(values) > 1]
    chosen, wrong = choose(format_, {name: options[name][-1] for name in options if name in known}, ExportOptions)
    return chosen, [*faults, *wrong]


@asynccontextmanager
async def opened(order: Order, settings: Settings) -> AsyncIterator[Document]:
    """Run an order on the database that the settings name.

    Raises:
        Problem: the export cannot begin; raised by the document's chunks, it failed midway.
    """
    source = database(settings)
    origin = Origin(who=_login(), request={"command": "export"})
    try:
        with ThreadPoolExecutor(settings.threads, thread_name_prefix="export") as threads:
            async with Engine(source, threads).run(order, origin) as run, aclosing(run.chunks()) as chunks:
                yield Document(
                    id=str(order.id),
                    format=order.format.extension if order.format else "",
                    media_type=order.format.content_type(order.options) if order.format else "",
                    compressed=order.compression is not None,
                    chunks=chunks,
                    progress=lambda: run.progress,
                    estimate=run.estimate,
                )
    finally:
        await source.pool.close()


def _login() -> str:
    """Return the name of the user who runs the command; `-` for a user unknown to the system."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return "-"
