"""The `exporter` command."""

import exporter.process.starting

# isort: split
import exporter.process.allocator  # noqa: F401 - before pyarrow, and for the workers

# isort: split
import sys

from cyclopts import App, CycloptsError

from exporter.commands.output import die_of_closed_pipe

_COMMANDS = {
    "serve": "Serve the datasets over HTTP until interrupted.",
    "export": "Export a dataset into a file or to standard output.",
    "check": "Check every dataset against the database.",
    "demo": "Serve sample datasets from an embedded PostgreSQL.",
    "datasets": "List, describe and write datasets.",
    "completion": "Print the completion script of a shell.",
    "keys": "Make, list and revoke API keys.",
    "sign": "Sign the URL of one export.",
}
"""By name, what each is for; its module is loaded when it is asked for. `sign` is in that of the keys."""


def _version() -> str:
    from importlib.metadata import version  # takes as long as a tenth of all others

    return version("velithon-exporter")


app = App(
    name="exporter",
    version=_version,
    help="Stream PostgreSQL datasets over HTTP as CSV, NDJSON, Parquet or Arrow.",
)
for name, summary in _COMMANDS.items():
    module = "keys" if name == "sign" else name
    app.command(f"exporter.commands.{module}:{name}", name=name, help=summary)


def main() -> None:
    """Run the command line; one that cannot be read ends with 2."""
    try:
        app(exit_on_error=False)
    except CycloptsError:
        sys.exit(2)  # it has been reported
    except BrokenPipeError:
        die_of_closed_pipe()
