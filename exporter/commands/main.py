"""The `exporter` command."""

import exporter.process.starting

# isort: split
import exporter.process.allocator  # noqa: F401 - before pyarrow, and for the workers

# isort: split
from importlib.metadata import version

from cyclopts import App

from exporter.commands.check import check
from exporter.commands.datasets import datasets
from exporter.commands.demo import demo
from exporter.commands.keys import keys, sign
from exporter.commands.serve import serve

app = App(
    name="exporter",
    version=lambda: version("velithon-exporter"),
    help="Stream PostgreSQL datasets over HTTP as CSV, NDJSON, Parquet or Arrow.",
)
for command in (serve, check, demo, datasets, keys, sign):
    app.command(command)


def main() -> None:
    """Run the command line."""
    app()
