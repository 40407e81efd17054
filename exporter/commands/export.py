"""`exporter export`: a dataset into a file or a pipe, from the database itself or through a running service."""

import gc
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import App, Parameter

from exporter.commands.exits import Exit, Stopped
from exporter.commands.options import DatabaseUrl, Datasets

if TYPE_CHECKING:
    from exporter.commands.exporting.document import Place

export = App(name="export", help_flags=[], version_flags=[], usage="Usage: exporter export NAME [OPTIONS]")


@export.default
def export_(
    name: Annotated[str, Parameter(help="The dataset; `exporter datasets list` shows what there is.")] = "",
    /,
    *,
    output: Annotated[
        str | None,
        Parameter(
            name=["--output", "-o"],
            allow_leading_hyphen=True,
            help="The file, such as `{dataset}-{date}.{format}`; without it or with `-`, standard output.",
        ),
    ] = None,
    format_: Annotated[
        str | None, Parameter(name=["--format", "-f"], help="The format; by default the output's extension, else csv.")
    ] = None,
    columns: Annotated[str | None, Parameter(help="The columns to export, in this order, separated by commas.")] = None,
    limit: Annotated[str | None, Parameter(help="The most rows to export.")] = None,
    unordered: Annotated[
        bool, Parameter(help="Let a large table's rows come as they are read, which is faster.", negative="")
    ] = False,
    param: Annotated[
        tuple[str, ...],
        Parameter(help="NAME=VALUE, a parameter of the dataset; as --NAME VALUE, whatever the name.", negative=""),
    ] = (),
    option: Annotated[
        tuple[str, ...],
        Parameter(help="NAME=VALUE, an option of the format; as --NAME VALUE, whatever the name.", negative=""),
    ] = (),
    force: Annotated[bool, Parameter(help="Overwrite the file.", negative="")] = False,
    quiet: Annotated[bool, Parameter(name=["--quiet", "-q"], help="Show no progress.", negative="")] = False,
    json: Annotated[
        bool,
        Parameter(
            help="Tell rows, bytes and SHA-256 as a JSON object; on stderr if the output is stdout.", negative=""
        ),
    ] = False,
    database_url: DatabaseUrl = None,
    datasets: Datasets = None,
    server: Annotated[
        str | None, Parameter(help="Export through the service at this URL, not from the database.")
    ] = None,
    key_file: Annotated[Path | None, Parameter(help="The file with the token for the service.")] = None,
    help_: Annotated[
        bool, Parameter(name=["--help", "-h"], help="Show this, and the parameters of the dataset.", negative="")
    ] = False,
    **given: Annotated[list[str], Parameter(show=False, negative="")],
) -> None:
    """Export a dataset into a file or to standard output.

    Every parameter of the dataset and every option of the format is an option here, such as `--since 2024-01-01` or
    `--delimiter ';'`; an array's is repeated.
    """
    gc.disable()  # the collector would look at all that is imported, a tenth of the start; `perform` enables it

    from exporter.commands.exporting.asked import Asked
    from exporter.commands.exporting.performing import Telling, ending, perform

    own = {"columns": columns, "limit": limit, "ordered": "off" if unordered else None}
    chosen = {option: [value] for option, value in own.items() if value is not None}
    asked = Asked(name, format_, output, chosen, [*param], [*option], given)
    telling = Telling(name, quiet=quiet, json=json)
    if help_:
        export.help_print([])
    with ending():
        if not name:
            if help_:
                return
            raise Stopped(Exit.USAGE, "name a dataset; `exporter datasets list` shows what there is")
        place = _place(server, key_file, database_url, datasets)
        if help_:
            place.help(name)
            return
        opening, target = place.arrange(asked, telling, overwrite=force)
    perform(opening, target, telling)


def _place(server: str | None, key_file: Path | None, database_url: str | None, datasets: Path | None) -> "Place":
    """Return what is exported from."""
    if server is not None:
        if database_url is not None or datasets is not None:
            raise Stopped(Exit.USAGE, "--server goes without --database-url and --datasets")
        from exporter.commands.exporting.remote import Remote

        return Remote.at(server, key_file)
    if key_file is not None:
        raise Stopped(Exit.USAGE, "--key-file goes with --server")
    from exporter.commands.exporting.direct import Direct

    return Direct.of(database_url, datasets)
