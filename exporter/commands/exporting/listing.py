"""What `exporter export NAME --help` tells of a dataset and a format, below the command's own options."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from rich.console import Console
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from exporter.commands.exporting.document import Told
from exporter.exports.options import ExportOptions, option_models
from formats.encoder import Format
from queries.dataset import Dataset


def of_dataset(dataset: Dataset) -> Panel:
    """Return the parameters of a dataset, from its file."""
    rows = (
        (one.name, one.type, one.description, _remarks(one.required, one.default, one.choices))
        for one in dataset.settable
    )
    return _panel(f"Parameters of {dataset.name}", rows)


def of_description(dataset: Told) -> Panel:
    """Return the parameters of a dataset, as a service describes it."""
    rows = (
        (one["name"], one["type"], one["schema"].get("description", ""), _told(one)) for one in dataset["parameters"]
    )
    return _panel(f"Parameters of {dataset['name']}", rows)


def of_formats(formats: Mapping[str, Format]) -> Iterator[Panel]:
    """Return the options of each format that has some."""
    for extension, format_ in formats.items():
        fields = {
            name: field
            for model in option_models(format_)
            if model is not ExportOptions
            for name, field in model.model_fields.items()
        }
        rows = ((name, "", field.description or "", f"[default: {field.default}]") for name, field in fields.items())
        if fields:
            yield _panel(f"Options of {extension}", rows)


def show(panels: Iterable[Panel]) -> None:
    """Print panels to standard output."""
    console = Console()
    for panel in panels:
        console.print(panel)


def _told(parameter: Told) -> str:
    schema = parameter["schema"]
    return _remarks(parameter["required"], schema.get("default"), schema.get("enum"))


def _remarks(required: bool, default: Any, choices: Iterable[str] | None) -> str:
    remarks = [f"[choices: {', '.join(choices)}]"] if choices else []
    if required:
        remarks.append("[required]")
    elif default is not None:
        remarks.append(f"[default: {', '.join(map(str, default)) if isinstance(default, list) else default}]")
    return " ".join(remarks)


def _panel(title: str, rows: Iterable[tuple[str, str, str, str]]) -> Panel:
    table = Table.grid(padding=(0, 2), pad_edge=False)
    table.add_column(no_wrap=True)
    table.add_column(overflow="fold")
    for name, kind, description, remarks in rows:
        what = " ".join(part for part in (description, remarks) if part)
        table.add_row(Text(f"--{name.replace('_', '-')} {kind}".strip()), Text(what))
    return Panel(table if table.row_count else Text("none"), title=title, title_align="left")
