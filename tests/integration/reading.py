"""Reads a query as an export does: described, projected, copied under the session settings, decoded."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pyarrow as pa

from queries.columns import resolve
from queries.decode import Decoder
from queries.describe import describe, types_of
from queries.projection import Projection, project
from queries.types import Column, Policy
from tests.decoding import decoded

SETTINGS = """
SET DateStyle = 'ISO'; SET TimeZone = 'UTC'; SET IntervalStyle = 'iso_8601'; SET bytea_output = 'hex';
SET extra_float_digits = 1; SET client_encoding = 'UTF8'; SET standard_conforming_strings = on;
"""


@dataclass(frozen=True)
class Declared:
    """A dataset's declaration about a column."""

    type: str | None = None
    on_unrepresentable: Policy | None = None


async def columns_of(
    connection: Any,
    query: str,
    overrides: Mapping[str, Declared] | None = None,
    policy: Policy = "error",
) -> list[Column]:
    description = await describe(connection, query)
    types = await types_of(connection, {attribute.oid for attribute in description.attributes}, {})
    return resolve(description.attributes, types, overrides or {}, policy)


async def copied(connection: Any, query: str, columns: list[Column], projection: Projection, **how: Any) -> bytes:
    await connection.execute(SETTINGS)
    block = bytearray()

    async def write(chunk: bytes) -> None:
        block.extend(chunk)

    await connection.copy_from_query(project(query, columns, projection, **how), output=write, format="csv")
    return bytes(block)


async def texts(
    connection: Any, query: str, columns: list[Column], projection: Projection, **how: Any
) -> pa.RecordBatch:
    return Decoder([pa.string()] * len(columns)).decode(await copied(connection, query, columns, projection, **how))


async def read(connection: Any, query: str, **how: Any) -> pa.RecordBatch:
    columns = await columns_of(connection, query, **how)
    return decoded(columns, await copied(connection, query, columns, Projection.TYPED))
