"""The options of an export: of every export, of compressible formats, and of the format itself."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, WithJsonSchema

from exporter.exports.compression import Compression
from exporter.problems import Fault
from formats.encoder import Format, Options
from queries.parameters import suggestions

_MOST_COLUMNS = 1_664
"""The most columns of a query (PostgreSQL, "PostgreSQL Limits")."""


def _split(columns: object) -> object:
    if not isinstance(columns, str):
        return columns
    # Does not split further if there are too many.
    return columns.split(",", _MOST_COLUMNS) if columns else ()


def _few(columns: tuple[str, ...]) -> tuple[str, ...]:
    if not columns:
        raise ValueError("names no column")
    if len(columns) > _MOST_COLUMNS:
        raise ValueError(f"names more than {_MOST_COLUMNS:,} columns, PostgreSQL's limit")
    return columns


Columns = Annotated[
    tuple[str, ...],
    BeforeValidator(_split),
    AfterValidator(_few),
    WithJsonSchema({"type": "string", "minLength": 1}),
]
"""A sequence of names, or one text with names separated by commas."""


class ExportOptions(BaseModel):
    """The options of every export."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    columns: Columns | None = Field(None, description="The columns to export, in this order, separated by commas.")
    limit: Annotated[int, Field(ge=0, lt=2**63)] | None = Field(None, description="The most rows to export.")
    ordered: bool = Field(True, description="Whether the rows of a large table keep the order of a single scan.")


class FileOptions(BaseModel):
    """The option of formats without compression of their own."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    compression: Literal["gzip", "zstd"] | None = Field(None, description="Compress the file itself (.gz, .zst).")


@dataclass(frozen=True, slots=True)
class Chosen:
    """The chosen options, including defaults."""

    common: Any
    """An instance of the model of the common options."""
    own: Options
    """An instance of the format's `options`."""
    compression: Compression | None


def option_models(format_: Format | None, common: type[ExportOptions] = ExportOptions) -> list[type[BaseModel]]:
    """Return the models of a format's options, or of record batches."""
    if format_ is None:
        return [common]
    return [common, format_.options, *([FileOptions] if format_.compressible else [])]


def choose(
    format_: Format | None,
    given: Mapping[str, object],
    common: type[ExportOptions] = ExportOptions,
    *,
    prefix: str = "",
) -> tuple[Chosen | None, list[Fault]]:
    """Read the options of a format, from texts or Python values; return them, or None and every fault.

    Args:
        format_: the format; None means record batches.
        given: the values by name.
        common: the model of the common options.
        prefix: what the caller writes before an option's name.
    """
    models = option_models(format_, common)
    known = [name for model in models for name in model.model_fields]
    faults = list(_unknown(known, [name for name in given if name not in known], prefix))
    instances: dict[type[BaseModel], Any] = {}
    for model in models:
        try:
            instances[model] = model.model_validate({name: given[name] for name in model.model_fields if name in given})
        except ValidationError as error:
            faults += [
                Fault(str(fault["loc"][0]) if fault["loc"] else "", fault["msg"].removeprefix("Value error, "), True)
                for fault in error.errors()
            ]
    if faults:
        return None, faults
    file = instances.get(FileOptions)
    own = instances[format_.options] if format_ else Options()
    return Chosen(instances[common], own, file.compression if file else None), []


def _unknown(known: list[str], unknown: list[str], prefix: str) -> list[Fault]:
    names = [f"{prefix}{name}" for name in known]
    otherwise = f"; available options: {', '.join(names)}"
    return [
        Fault(name.removeprefix(prefix), f"is not an option of this format{hint or otherwise}", is_option=True)
        for name, hint in suggestions([f"{prefix}{name}" for name in unknown], names)
    ]
