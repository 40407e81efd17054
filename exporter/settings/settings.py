"""The service's settings, read from the environment."""

import os
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import (
    AfterValidator,
    Field,
    NonNegativeInt,
    PositiveInt,
    SecretStr,
    ValidationInfo,
    field_validator,
    model_validator,
)
from pydantic_settings import SettingsConfigDict

from exporter.http.cors import ANY, checked
from exporter.settings.access import AccessSettings
from exporter.settings.database_url import postgresql_url
from exporter.settings.lists import Names
from queries.parameters import suggestion

_FOREIGN = re.compile(r"EXPORTER_(TEST_.*|(.*_)?SERVICE_(HOST|PORT.*)|(.*_)?PORT_[0-9]+_(TCP|UDP|SCTP).*)")
"""Variables of the project's own tests, and those that Kubernetes sets for a Service named `exporter`."""

_ROOT = re.compile(r"(?!/datasets(?:/|$))(?:/[A-Za-z0-9_~-][A-Za-z0-9._~-]*)+")

_FOREIGN_VALUE = re.compile("(tcp|udp|sctp)://.*")
"""The value of `EXPORTER_PORT`, the one variable of a Kubernetes Service whose name alone is ambiguous."""


def _root(path: str) -> str:
    if path and not _ROOT.fullmatch(path):
        raise ValueError("expected a path such as /exports, with no trailing slash, no %, and not below /datasets")
    return path


class Settings(AccessSettings):
    """Each setting is a variable: `EXPORTER_` and its name in upper case, such as `EXPORTER_DATABASE_URL`."""

    model_config = SettingsConfigDict(env_prefix="EXPORTER_", frozen=True)

    database_url: Annotated[SecretStr, AfterValidator(postgresql_url)] = Field(
        description="PostgreSQL to read from, as a libpq URL."
    )
    datasets: Path = Field(description="The folder of dataset files (`NAME.sql`).")
    pool_size: PositiveInt = Field(default=10, description="Connections to PostgreSQL per worker, one per export.")
    pool_timeout: float = Field(
        default=5.0, gt=0, allow_inf_nan=False, description="Seconds to wait for a connection before 503."
    )
    parallel: PositiveInt = Field(
        default=4,
        description="The most connections that one export reads a large table with; 1 turns parallel scans off.",
    )
    parallel_connections: NonNegativeInt = Field(
        default=5, description="Connections of a worker's pool that parallel scans may take besides one per export."
    )
    max_exports: NonNegativeInt = Field(
        default=0, description="Exports that may run at once; 0 means as many as there are connections."
    )
    max_exports_per_principal: NonNegativeInt | None = Field(
        default=None,
        description="Exports of one principal that may run at once; by default half of all, 0 means any number.",
    )
    max_waiting: NonNegativeInt = Field(default=100, description="Exports that may wait, `POOL_TIMEOUT` seconds each.")
    requests_per_minute: NonNegativeInt = Field(
        default=0, description="Requests that a principal may make a minute; 0 means any number."
    )
    requests_per_minute_per_address: NonNegativeInt = Field(
        default=0, description="Requests that may come from an address a minute; 0 means any number."
    )
    max_rows: NonNegativeInt = Field(default=0, description="Rows that an export may have; 0 means any number.")
    max_bytes: NonNegativeInt = Field(default=0, description="Bytes that an export may send; 0 means any number.")
    max_seconds: float = Field(
        default=0.0, ge=0, allow_inf_nan=False, description="Seconds that an export may take; 0 means any number."
    )
    max_estimated_rows: NonNegativeInt = Field(
        default=0, description="Rows that the planner may expect of an export; 0 means any number."
    )
    stall_timeout: float = Field(
        default=60.0,
        ge=0,
        le=2_000_000,
        allow_inf_nan=False,
        description="Seconds that a client may take nothing of its export; 0 means no limit.",
    )
    min_bytes_per_second: NonNegativeInt = Field(
        default=0, description="The least that a client must take of what is there; 0 means any rate."
    )
    statement_timeout: float = Field(
        default=3600.0,
        ge=0,
        le=2_000_000,
        allow_inf_nan=False,
        description="Seconds a statement may run, its sending included; 0 means no limit.",
    )
    lock_timeout: float = Field(
        default=10.0,
        ge=0,
        le=2_000_000,
        allow_inf_nan=False,
        description="Seconds a statement may wait for a lock that somebody holds; 0 means no limit.",
    )
    search_path: Names = Field(
        default=("public",),
        description="The schemas in which names without one are looked up, separated by commas, as they are written.",
    )
    threads: PositiveInt = Field(
        default=os.cpu_count() or 1, description="Threads per worker that decode, encode and compress."
    )
    shutdown_timeout: PositiveInt = Field(
        default=60, description="Seconds that running exports have left once the service is told to stop."
    )
    keep_alive_timeout: float = Field(
        default=75.0,
        gt=0,
        le=2_000_000,
        allow_inf_nan=False,
        description="Seconds that a connection of HTTP/1.1 may be idle between two requests, or send one's head.",
    )
    root_path: Annotated[str, AfterValidator(_root)] = Field(
        default="", description="The path below which a proxy shows the service, such as /exports."
    )
    cors_origins: Annotated[Names, AfterValidator(checked)] = Field(
        default=(),
        description="Origins whose pages may read answers, such as https://reports.example.com, separated by commas; "
        "* for all, which needs EXPORTER_KEYS or EXPORTER_JWT_KEYS, and never sends the browser's own credentials.",
    )
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = Field(
        default="INFO", description="DEBUG, INFO, WARNING or ERROR."
    )
    log_format: Literal["console", "json"] = Field(default="console", description="For people, or an object a line.")
    audit_log: str | None = Field(
        default=None, min_length=1, description="The file to which accesses and refusals are appended; - means stderr."
    )

    @field_validator("max_exports")
    @classmethod
    def _enough_connections(cls, value: int, info: ValidationInfo) -> int:
        size = info.data.get("pool_size", value)
        if value > size:
            raise ValueError(f"each export needs a connection, and the pool has only {size} (EXPORTER_POOL_SIZE)")
        return value

    @model_validator(mode="after")
    def _within_the_pool(self) -> Self:
        # The default means as many as the pool has.
        if "parallel_connections" in self.model_fields_set and self.parallel_connections > self.pool_size:
            raise ValueError(
                f"EXPORTER_PARALLEL_CONNECTIONS: the pool has only {self.pool_size} connections (EXPORTER_POOL_SIZE)"
            )
        return self

    @model_validator(mode="after")
    def _no_open_cors(self) -> Self:
        if ANY in self.cors_origins and not self.closed:
            raise ValueError(
                "EXPORTER_CORS_ORIGINS: with * and no credentials configured, any web page could read everything: "
                "name the origins, or set EXPORTER_KEYS or EXPORTER_JWT_KEYS"
            )
        return self

    @field_validator("search_path")
    @classmethod
    def _without_quotes(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        if any('"' in name or "'" in name for name in value):
            raise ValueError("write schema names without quotes")
        return value


def misnamed(environment: Mapping[str, str]) -> Iterator[str]:
    """Yield what is wrong with the variables themselves: an unknown name or a blank value.

    A keys setting with a misspelled name, or left blank by a template, would leave the service open.
    """
    known = [f"EXPORTER_{name.upper()}" for name in Settings.model_fields]
    for name, value in sorted(environment.items()):
        variable = name.upper()  # as pydantic-settings reads them
        if variable in known:
            if not value.strip():
                yield f"{name} is blank: unset it or give it a value"
        elif variable.startswith("EXPORTER_") and not (_FOREIGN.fullmatch(variable) or _FOREIGN_VALUE.match(value)):
            yield f"{name} is not a setting{suggestion(variable, known)}"
