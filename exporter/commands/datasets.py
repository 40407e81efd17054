"""`exporter datasets`: what the authors of datasets need."""

import json

from cyclopts import App

datasets = App(name="datasets", help="Help with writing datasets.")


@datasets.command
def schema() -> None:
    """Print the JSON Schema of a dataset's header, with which an editor of TOML checks and completes it."""
    from queries.header_schema import schema as header_schema

    print(json.dumps(header_schema(), indent=2))  # noqa: T201 - a command's answer
