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


def _cores() -> int:
    return os.cpu_count() or 1


class Settings(AccessSettings):
    """Each setting is a variable: `EXPORTER_` and its name in upper case, such as `EXPORTER_DATABASE_URL`."""

    model_config = SettingsConfigDict(env_prefix="EXPORTER_", frozen=True)

    database_url: Annotated[SecretStr, AfterValidator(postgresql_url)] = Field(
        description="The PostgreSQL database to read from, as a libpq URL. Of several hosts the first that answers "
        "is used, or what `target_session_attrs` asks for."
    )
    datasets: Path = Field(description="The folder of dataset files (`NAME.sql`).")
    pool_size: PositiveInt = Field(
        default=10,
        description="PostgreSQL connections per worker. Each running export holds one, or several for a large table.",
    )
    pool_timeout: float = Field(
        default=5.0, gt=0, allow_inf_nan=False, description="Seconds to wait for a connection before 503."
    )
    parallel: PositiveInt = Field(
        default=4,
        description="The most connections for reading one large table, one for each 32 MiB; 1 turns parallel scans "
        "off.",
    )
    parallel_connections: NonNegativeInt = Field(
        default=5,
        description="Connections per worker that parallel scans may use in addition to one per export. A scan does "
        "not wait for them.",
    )
    max_exports: NonNegativeInt = Field(
        default=0,
        description="Exports that may run at once, at most as many as the pool has connections; 0 means that many.",
    )
    max_exports_per_principal: NonNegativeInt | None = Field(
        default=None,
        description="Exports that one principal may run at once; 0 means no limit. The default is half of all, at "
        "least one; or all where only this machine is answered.",
    )
    max_waiting: NonNegativeInt = Field(
        default=100, description="Exports that may wait for their turn, each for `EXPORTER_POOL_TIMEOUT`."
    )
    requests_per_minute: NonNegativeInt = Field(
        default=0, description="Requests per minute that a principal may make; 0 means no limit."
    )
    requests_per_minute_per_address: NonNegativeInt = Field(
        default=0, description="Requests per minute that an address (IPv6: a /64 network) may make; 0 means no limit."
    )
    max_rows: NonNegativeInt = Field(default=0, description="The most rows of an export; 0 means no limit.")
    max_bytes: NonNegativeInt = Field(
        default=0, description="The most bytes that an export may send, after compression; 0 means no limit."
    )
    max_seconds: float = Field(
        default=0.0,
        ge=0,
        allow_inf_nan=False,
        description="The most seconds that an export may take, including waiting and sending; 0 means no limit.",
    )
    max_estimated_rows: NonNegativeInt = Field(
        default=0, description="The most rows that the planner may estimate for an export; 0 means no limit."
    )
    stall_timeout: float = Field(
        default=60.0,
        ge=0,
        le=2_000_000,
        allow_inf_nan=False,
        description="Seconds after which a client that reads nothing is disconnected, whatever the response; two "
        "while others wait for what its export holds; 0 means never.",
    )
    min_bytes_per_second: NonNegativeInt = Field(
        default=0, description="The slowest rate at which a client may read what is ready for it; 0 means no limit."
    )
    statement_timeout: float = Field(
        default=3600.0,
        ge=0,
        le=2_000_000,
        allow_inf_nan=False,
        description="Seconds that a statement may run, up to 2,000,000; 0 means no limit. It applies to a COPY "
        "including sending its rows, to each part of a parallel scan, to each fetch of a cursor, and "
        "to the time between two statements of a transaction (at least ten minutes).",
    )
    lock_timeout: float = Field(
        default=10.0,
        ge=0,
        le=2_000_000,
        allow_inf_nan=False,
        description="Seconds that a statement may wait for a lock, such as one of ALTER TABLE; 0 means no limit.",
    )
    search_path: Names = Field(
        default=("public",),
        description="The schemas for unqualified names, separated by commas and without quotes. A `search_path` of "
        "the database or of a role is ignored.",
    )
    threads: PositiveInt = Field(
        default_factory=_cores, description="Threads per worker that decode, encode and compress."
    )
    shutdown_timeout: PositiveInt = Field(
        default=60, description="Seconds that running exports have to finish when the service stops."
    )
    keep_alive_timeout: float = Field(
        default=75.0,
        gt=0,
        le=2_000_000,
        allow_inf_nan=False,
        description="Seconds that an HTTP/1.1 connection may be idle between requests, or take to send a request "
        "head. Make it longer than the timeout of a proxy or load balancer in front (often 60), which "
        "otherwise now and then sends a request on a connection that has just been closed.",
    )
    root_path: Annotated[str, AfterValidator(_root)] = Field(
        default="",
        description="The path under which a proxy publishes the service, such as `/exports`, whether the proxy "
        "strips it or not.",
    )
    cors_origins: Annotated[Names, AfterValidator(checked)] = Field(
        default=(),
        description="Origins whose pages may read responses, such as `https://reports.example.com`, separated by "
        "commas. `*` allows all; it requires `EXPORTER_KEYS` or `EXPORTER_JWT_KEYS`, and never allows "
        "the browser's own credentials.",
    )
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = Field(
        default="INFO", description="`DEBUG`, `INFO`, `WARNING` or `ERROR`."
    )
    log_format: Literal["console", "json"] = Field(
        default="console", description="`console`, a line for people, or `json`, one object per line."
    )
    audit_log: str | None = Field(
        default=None,
        min_length=1,
        description="The file for the audit log of accesses and refusals; `-` means stderr.",
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
