"""The options of an export: those of every format, those of compressible ones, those of its own format."""

from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from formats.encoder import Format

_MOST_COLUMNS = 1_664
"""Of a query (PostgreSQL, "PostgreSQL Limits")."""


def _few(columns: str) -> str:
    if columns.count(",") >= _MOST_COLUMNS:
        raise ValueError(f"names more than {_MOST_COLUMNS:,} columns, PostgreSQL's limit")
    return columns


class ExportOptions(BaseModel):
    """The options that every format has."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    columns: Annotated[str, Field(min_length=1), AfterValidator(_few)] | None = Field(
        None, description="The columns to export, in this order, separated by commas."
    )
    limit: Annotated[int, Field(ge=0, lt=2**63)] | None = Field(None, description="The most rows to export.")
    ordered: bool = Field(True, description="Whether the rows of a large table keep the order of a single scan.")
    filename: Annotated[str, Field(min_length=1, max_length=200)] | None = Field(
        None, description="The name under which the client stores the file."
    )


class FileOptions(BaseModel):
    """The option of the formats that do not compress by themselves."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    compression: Literal["gzip", "zstd"] | None = Field(None, description="Compress the file itself (.gz, .zst).")


def option_models(format_: Format) -> list[type[BaseModel]]:
    """Return the models that together hold the options of a format."""
    return [ExportOptions, format_.options, *([FileOptions] if format_.compressible else [])]
