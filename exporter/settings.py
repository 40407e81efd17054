"""The service's settings, read from the environment."""

import os
from pathlib import Path
from typing import Annotated, Literal

from pydantic import AfterValidator, Field, NonNegativeInt, PositiveFloat, PositiveInt, SecretStr
from pydantic_settings import SettingsConfigDict

from exporter.access.settings import AccessSettings
from exporter.cors import checked
from exporter.listed import Names


class Settings(AccessSettings):
    """Each setting is the variable of its name in capitals behind `EXPORTER_`, such as `EXPORTER_DATABASE_URL`."""

    model_config = SettingsConfigDict(env_prefix="EXPORTER_", frozen=True)

    database_url: SecretStr = Field(description="PostgreSQL to read from, as a libpq URL.")
    datasets: Path = Field(description="The folder of dataset files (`NAME.sql`).")
    pool_size: PositiveInt = Field(default=10, description="Connections to PostgreSQL per worker, one per export.")
    pool_timeout: PositiveFloat = Field(default=5.0, description="Seconds to wait for a connection before 503.")
    parallel: PositiveInt = Field(
        default=4,
        description="The most connections that one export reads a large table with; 1 turns parallel scans off.",
    )
    parallel_connections: NonNegativeInt = Field(
        default=5, description="Connections of a worker's pool that parallel scans may take besides one per export."
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
    cors_origins: Annotated[Names, AfterValidator(checked)] = Field(
        default=(),
        description="Origins whose pages may read answers, such as https://reports.example.com, divided by commas; "
        "* for all, which then cannot send the browser's credentials.",
    )
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = Field(
        default="INFO", description="DEBUG, INFO, WARNING or ERROR."
    )
    log_format: Literal["console", "json"] = Field(default="console", description="For people, or an object a line.")
    audit_log: str | None = Field(
        default=None, min_length=1, description="The file to which accesses and refusals are appended; - means stderr."
    )
