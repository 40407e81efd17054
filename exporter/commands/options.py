"""Options of several commands."""

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter
from cyclopts.validators import Number

DatabaseUrl = Annotated[str | None, Parameter(help="The PostgreSQL database to read from [EXPORTER_DATABASE_URL].")]
Datasets = Annotated[Path | None, Parameter(help="The folder of dataset files [EXPORTER_DATASETS].")]
Host = Annotated[str, Parameter(help="The address to listen on.")]
Port = Annotated[int, Parameter(help="The port to listen on.", validator=Number(gte=1, lte=65_535))]
AllowAnonymous = Annotated[
    bool,
    Parameter(help="Let everybody read everything without credentials [EXPORTER_ALLOW_ANONYMOUS].", negative=""),
]
Workers = Annotated[int, Parameter(help="Worker processes, each with its own pool.", validator=Number(gte=1))]
